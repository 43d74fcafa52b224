"""Limits of the axes of a spectrum's plot, which noise does not stretch. Arrays in, numbers out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classifier.signal_to_noise import SIGMA_PER_MAD
from triage.figures.samples import Array, Epoch, FluxKind, Look

Mask = NDArray[np.bool_]

# If samples lie further apart than this (Å), a narrow line has about three of them.
COARSE = 8.0
# The extremes of 1/50 of the samples at either end do not count for the flux axis. If they run away, 1/25 of the
# samples at either end widens it by at most this share of its range.
EDGE_SHARE, END_SHARE, END_REACH = 50, 25, 0.5
# A sample belongs to a line if it exceeds the running median by up to this factor.
TIP = 1.5
# Scatter is measured in neighbourhoods of so many Å, or of so many samples if that is wider.
NEIGHBOURHOOD, FEWEST_NEIGHBOURS = 400.0, 40
# Noisy ends are found to so many Å.
END_STEP = 100.0
# Scatter by a residual of the usual size, or by one that nine in ten do not exceed, which tells the spikes of an end
# that rings from even noise: percentile, and its size in sigma.
USUAL, SPIKY = (50, 1 / SIGMA_PER_MAD), (90, 1.645)
# A neighbourhood counts for the flux axis if its scatter is at most this many times the usual one, or this share of its
# flux ...
UNSTEADY, BRIGHT = 4.0, 0.22
# ... and elsewhere a sample counts if its running median stands out by so many times the scatter, and
# nothing there by half as much on the other side.
OUTSTANDING = 8.0
# An end is left out if the noise of a sample there also exceeds this share of the flux. A sample does not count for the
# flux axis if its stated error does.
LOST = 0.5
# The brightest lines of the night sky, [O I], and how far what is left of them reaches, Å.
BRIGHTEST_SKY, SKY_REACH = np.array([5577.3, 6300.3, 6363.8]), 12.0
# Margins of the flux axis, as shares of its range.
ROOM_ABOVE, ROOM_BELOW = 0.06, 0.12


def flux_range(
    epoch: Epoch, look: Look, drawn_range: tuple[float, float], *, at_rest: bool = False
) -> tuple[float, float]:
    """Return the limits of the flux axis, in units of the epoch's ``size``, or their logarithms.

    drawn_range: first and last wavelength that are drawn at first, Å, as ``without_noisy_ends`` returns.
    at_rest: whether the wavelengths are in the rest frame, so that it is not known where lines of the night sky lie.

    They are the 1st and 99th percentiles of what is no noise, widened to the extremes of a running median. So a line
    several samples wide stays inside, while a cosmic ray or a noisy stretch does not flatten the rest. Nor do samples
    that the file's own errors call lost, nor what a poor subtraction left of the night sky: its brightest lines, and
    what falls below zero. Ends that run away, because the extraction failed there, widen the limits by END_REACH at
    most.
    """
    wavelength, scaled = epoch.wavelength, epoch.flux / epoch.size
    calm = _calm(wavelength, scaled)
    noise, level, _ = _noise(wavelength, scaled, calm, END_STEP, SPIKY)
    _, _, standing_out = _noise(wavelength, scaled, calm, NEIGHBOURHOOD, USUAL)
    first, last = drawn_range
    drawn = (wavelength >= first) & (wavelength <= last)
    inner = _without_ends(drawn, max(int(drawn.sum()) // EDGE_SHARE, _median_width(wavelength) // 2))
    steady = (noise <= UNSTEADY * np.median(noise[drawn])) | (noise <= BRIGHT * level)
    counted = drawn & (steady | (inner & (standing_out > OUTSTANDING)))
    left_out = _lost(epoch, calm) if at_rest else _lost(epoch, calm) | _near_sky_lines(wavelength)
    counted = told if (told := counted & ~left_out).any() else counted
    low, high = np.percentile(scaled[counted], (1, 99))
    if (counted & inner).any():
        lowest, highest = _extremes(scaled, calm, counted & inner)
        low, high = min(low, lowest), max(high, highest)
    core = counted & _without_ends(drawn, int(drawn.sum()) // END_SHARE)
    if core.any():
        lowest, highest = _extremes(scaled, calm, core)
        room = END_REACH * (highest - lowest)
        edge = calm[drawn & ~inner]
        if edge.min() < lowest - room or edge.max() > highest + room:
            low, high = max(low, lowest - room), min(high, highest + room)
    if look.flux == FluxKind.LOG and (positive := scaled[scaled > 0]).size:
        low = np.log10(max(low, np.percentile(positive, 1)))
        high = np.log10(max(high, np.percentile(positive, 99)))
    span = float(high - low) or 1.0
    # The names of the lines stand at the bottom.
    return float(low - ROOM_BELOW * span), float(high + ROOM_ABOVE * span)


def _lost(epoch: Epoch, calm: Array) -> Mask:
    """Return which samples have an error much above the usual one and hardly any signal, by the errors of the file.

    calm: (n,) running median of the flux, in units of the epoch's ``size``.
    """
    if epoch.flux_error is None:
        return np.zeros(calm.shape, bool)
    error = epoch.flux_error / epoch.size
    return (error > UNSTEADY * np.median(error)) & (error > LOST * np.abs(calm))


def _near_sky_lines(wavelength: Array) -> Mask:
    """Return which samples lie at one of the brightest lines of the night sky."""
    near: Mask = (np.abs(wavelength[:, None] - BRIGHTEST_SKY) < SKY_REACH).any(1)
    return near


def _without_ends(drawn: Mask, samples: int) -> Mask:
    """Return which samples are drawn, without so many at either end."""
    inner = np.zeros_like(drawn)
    inner[np.flatnonzero(drawn)[samples:-samples]] = True
    return inner


def _extremes(scaled: Array, calm: Array, counted: Mask) -> tuple[float, float]:
    """Return the 1st and 99th percentiles of the counted flux, widened to the extremes of its running median."""
    base = np.median(calm)
    reach = base + TIP * (calm - base)
    low, high = np.percentile(scaled[counted], (1, 99))
    lowest, highest = np.maximum(scaled, reach)[counted].min(), np.minimum(scaled, reach)[counted].max()
    # No absorption is deeper than zero.
    return float(min(low, max(lowest, 0.0))), float(max(high, highest))


def without_noisy_ends(epoch: Epoch) -> tuple[float, float]:
    """Return the first and the last wavelength (Å) to draw at first.

    An end is left out as far as its neighbourhoods have much more noise than usual and hardly any signal. So a bright
    blue end stays, whose noise grows with its flux.
    """
    noise, level, _ = _noise(epoch.wavelength, epoch.flux, _calm(epoch.wavelength, epoch.flux), END_STEP, USUAL)
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


def _scatter(residuals: Array, by: tuple[int, float]) -> float:
    """Return the 1σ scatter of residuals. by: USUAL or SPIKY."""
    percentile, sigma = by
    return float(np.percentile(np.abs(residuals), percentile)) / sigma


def _noise(
    wavelength: Array, flux: Array, calm: Array, width: float, by: tuple[int, float]
) -> tuple[Array, Array, Array]:
    """Return the noise and the median flux about each sample, and how far the running median stands out there.

    wavelength: (n,) Å. flux, calm: (n,) flux and its running median.
    width: width of a neighbourhood, Å.
    by: how scatter is measured, USUAL or SPIKY.

    The noise of a neighbourhood is the scatter about the running median, which follows broad lines. The third value is
    the distance from a straight line through the medians of the neighbourhood's halves, in units of the scatter about
    that line; 0 where the neighbourhood goes as far to the other side, as ringing does and a line does not.
    """
    most = max(flux.size // FEWEST_NEIGHBOURS, 1)
    count = min(max(int((wavelength[-1] - wavelength[0]) / width), 1), most)
    noise, level, standing_out = (np.empty_like(flux) for _ in range(3))
    for part in np.array_split(np.arange(flux.size), count):
        (x, later_x), (y, later_y) = (
            [np.median(half) for half in np.array_split(values[part], 2)] for values in (wavelength, flux)
        )
        trend = y + (later_y - y) / (later_x - x) * (wavelength[part] - x)
        noise[part] = _scatter(flux[part] - calm[part], by)
        level[part] = np.median(flux[part])
        scatter = _scatter(flux[part] - trend, by)
        out = (calm[part] - trend) / (scatter or 1.0)
        up, down = out.max(), -out.min()
        standing_out[part] = np.where(out > 0, out * (up > 2 * down), -out * (down > 2 * up))
    return noise, level, standing_out
