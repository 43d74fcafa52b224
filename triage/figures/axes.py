"""Limits of the axes of a spectrum's plot, which noise does not stretch. Arrays in, numbers out."""

from __future__ import annotations

import numpy as np

from classifier.signal_to_noise import SIGMA_PER_MAD
from triage.figures.samples import Array, Epoch, FluxKind, Look

# If samples lie further apart than this (Å), a narrow line has about three of them.
COARSE = 8.0
# 1/50 of the samples at either end does not count for the flux axis.
END_SHARE = 50
# A sample belongs to a line if it exceeds the running median by up to this factor.
TIP = 1.5
# Scatter is measured in neighbourhoods of so many Å, or of so many samples if that is wider.
NEIGHBOURHOOD, FEWEST_NEIGHBOURS = 400.0, 40
# Noisy ends are found to so many Å.
END_STEP = 100.0
# A neighbourhood counts for the flux axis if its scatter is at most this many times the usual one ...
UNSTEADY = 4.0
# ... and elsewhere a sample counts if its running median stands out by so many times the scatter.
OUTSTANDING = 8.0
# An end is left out if the noise of a sample there also exceeds this share of the flux.
LOST = 0.5
# Margins of the flux axis, as shares of its range.
ROOM_ABOVE, ROOM_BELOW = 0.06, 0.12


def flux_range(epoch: Epoch, look: Look, drawn_range: tuple[float, float]) -> tuple[float, float]:
    """Return the limits of the flux axis, in units of the epoch's ``size``, or their logarithms.

    drawn_range: first and last wavelength that are drawn at first, Å, as ``without_noisy_ends`` returns.

    They are the 1st and 99th percentiles, widened to the extremes of a running median. So a line several samples wide
    stays inside, while a cosmic ray or a noisy stretch does not flatten the rest.
    """
    wavelength, scaled = epoch.wavelength, epoch.flux / epoch.size
    calm = _calm(wavelength, scaled)
    noise, _, standing_out = _noise(wavelength, scaled, calm, NEIGHBOURHOOD)
    first, last = drawn_range
    drawn = (wavelength >= first) & (wavelength <= last)
    # Extractions often fail at the ends.
    end = max(int(drawn.sum()) // END_SHARE, _median_width(wavelength) // 2)
    inner = np.zeros(scaled.size, bool)
    inner[np.flatnonzero(drawn)[end:-end]] = True
    steady = noise <= UNSTEADY * np.median(noise[drawn])
    counted = drawn & (steady | (inner & (standing_out > OUTSTANDING)))
    low, high = np.percentile(scaled[counted], (1, 99))
    if (counted & inner).any():
        base = np.median(calm)
        reach = base + TIP * (calm - base)
        low = min(low, np.maximum(scaled, reach)[counted & inner].min())
        high = max(high, np.minimum(scaled, reach)[counted & inner].max())
    if look.flux == FluxKind.LOG and (positive := scaled[scaled > 0]).size:
        low = np.log10(max(low, np.percentile(positive, 1)))
        high = np.log10(max(high, np.percentile(positive, 99)))
    span = float(high - low) or 1.0
    # The names of the lines stand at the bottom.
    return float(low - ROOM_BELOW * span), float(high + ROOM_ABOVE * span)


def without_noisy_ends(epoch: Epoch) -> tuple[float, float]:
    """Return the first and the last wavelength (Å) to draw at first.

    An end is left out as far as its neighbourhoods have much more noise than usual and hardly any signal. So a bright
    blue end stays, whose noise grows with its flux.
    """
    noise, level, _ = _noise(epoch.wavelength, epoch.flux, _calm(epoch.wavelength, epoch.flux), END_STEP)
    lost = (noise > UNSTEADY * np.median(noise)) & (noise > LOST * np.abs(level))
    kept = epoch.wavelength[~lost]
    return float(kept[0]), float(kept[-1])


def _median_width(wavelength: Array) -> int:
    """Return the width of the running median in samples: a line has three coarse ones, a cosmic ray two fine ones."""
    return 3 if np.median(np.diff(wavelength)) > COARSE else 5


def _calm(wavelength: Array, flux: Array) -> Array:
    """Return the running median, which cuts off the tip of a narrow line, but nearly all of a cosmic ray."""
    width = _median_width(wavelength)
    padded = np.pad(flux, width // 2, mode="edge")
    result: Array = np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
    return result


def _noise(wavelength: Array, flux: Array, calm: Array, width: float) -> tuple[Array, Array, Array]:
    """Return the noise and the median flux about each sample, and how far the running median stands out there.

    wavelength: (n,) Å. flux, calm: (n,) flux and its running median.
    width: width of a neighbourhood, Å.

    The noise of a neighbourhood is the scatter about the running median, which follows broad lines. The third value is
    the distance from a straight line through the medians of the neighbourhood's halves, in units of the scatter about
    that line.
    """
    most = max(flux.size // FEWEST_NEIGHBOURS, 1)
    count = min(max(int((wavelength[-1] - wavelength[0]) / width), 1), most)
    noise, level, standing_out = (np.empty_like(flux) for _ in range(3))
    for part in np.array_split(np.arange(flux.size), count):
        (x, later_x), (y, later_y) = (
            [np.median(half) for half in np.array_split(values[part], 2)] for values in (wavelength, flux)
        )
        trend = y + (later_y - y) / (later_x - x) * (wavelength[part] - x)
        noise[part] = SIGMA_PER_MAD * np.median(np.abs(flux[part] - calm[part]))
        level[part] = np.median(flux[part])
        scatter = SIGMA_PER_MAD * np.median(np.abs(flux[part] - trend))
        standing_out[part] = np.abs(calm[part] - trend) / (scatter or 1.0)
    return noise, level, standing_out
