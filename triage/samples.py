"""A spectrum's samples as a screen wants them: smoothed, binned, decimated, broken at gaps. Arrays in, arrays out."""

from __future__ import annotations

import base64
import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# More samples than this cannot be told apart on a screen.
MAX_POINTS = 2400
# Standard deviation of the smoothing, in samples, by the slider's place; the keys go none, light, strong.
SMOOTHING = (0.0, 0.8, 1.5, 2.5, 4.0, 6.0, 10.0, 16.0)
# Samples averaged into one, by the slider's place.
BINNING = (1, 2, 3, 5, 8, 12, 20, 40)
GAP_STEPS = 8.0
# Å between samples, above which a narrow line has three of them.
COARSE = 8.0
# One of so many samples at either end does not set the flux axis.
END_SHARE = 50
# How far over a running median a sample may stand and still count as a line's.
TIP = 1.5
# Of the range of flux.
ROOM_ABOVE, ROOM_BELOW = 0.06, 0.12


@dataclasses.dataclass(frozen=True, eq=False)
class Epoch:
    """wavelength (n,) Å ascending, observed frame; flux, flux_error (n,); label names the epoch."""

    wavelength: Array
    flux: Array
    flux_error: Array | None
    label: str


@dataclasses.dataclass(frozen=True)
class Look:
    """What a reader wants to see: places of the two sliders, and the stretch of wavelengths, None for all of it."""

    smoothing: int = 0
    binning: int = 0
    stretch: tuple[float, float] | None = None


def columns(epoch: Epoch, look: Look) -> dict[str, Array]:
    """x (Å), y, lower and upper end of the error bar (NaN where no error is known), and raw, what y was before it was
    smoothed or binned; flux in units of ``scale``. At most MAX_POINTS samples of the stretch, each pixel's smallest
    and largest among them, and a NaN in every gap."""
    whole = scale(epoch.flux)
    x, raw = epoch.wavelength, epoch.flux / whole
    error = np.full(x.size, np.nan) if epoch.flux_error is None else epoch.flux_error / whole
    width = BINNING[look.binning]
    y = smooth(raw, SMOOTHING[look.smoothing])
    if width > 1 and x.size >= 2 * width:
        # The error of a mean of independent samples; raw is of the middle one.
        raw = raw[width // 2 :: width][: x.size // width]
        error = np.sqrt(_means(error**2, width) / width)
        x, y = _means(x, width), _means(y, width)
    if look.stretch is not None:
        inside = slice(*np.searchsorted(x, look.stretch))
        x, y, raw, error = x[inside], y[inside], raw[inside], error[inside]
    kept = decimate(y)
    x, y, raw, error = with_gaps(x[kept], y[kept], raw[kept], error[kept])
    return {"x": x, "y": y, "raw": raw, "lower": y - error, "upper": y + error}


def encoded(values: dict[str, Array]) -> dict[str, str]:
    """As base64 of little-endian float32, which JavaScript reads without parsing numbers."""
    return {name: base64.b64encode(column.astype("<f4").tobytes()).decode() for name, column in values.items()}


def look_of(query: Any) -> Look:
    """From a query's smooth, bin, from and to; what cannot be read is as if it were not there."""
    first, last = _number(query.get("from")), _number(query.get("to"))
    stretch = (first, last) if first is not None and last is not None and first < last else None
    return Look(_place(query.get("smooth"), len(SMOOTHING)), _place(query.get("bin"), len(BINNING)), stretch)


def flux_range(wavelength: Array, flux: Array) -> tuple[float, float]:
    """Limits of the flux axis, in units of ``scale``: the 1st and 99th percentiles, widened to what the spectrum still
    reaches after a running median. So a line several samples wide stays inside, and a cosmic ray or the noise of one
    end does not flatten the rest. wavelength, flux: (n,)."""
    scaled = flux / scale(flux)
    low, high = np.percentile(scaled, (1, 99))
    # Coarse samples resolve a line with three; of fine ones a cosmic ray takes two.
    width = 3 if np.median(np.diff(wavelength)) > COARSE else 5
    # The ends are where extractions fail.
    end = max(scaled.size // END_SHARE, width // 2)
    inner = scaled[end : scaled.size - end]
    if inner.size >= width:
        calm = np.median(np.lib.stride_tricks.sliding_window_view(inner, width), axis=1)
        # The median cuts the tip of a narrow line, of a cosmic ray nearly all.
        base = np.median(calm)
        reach = base + TIP * (calm - base)
        middle = inner[width // 2 : width // 2 + calm.size]
        low, high = min(low, np.maximum(middle, reach).min()), max(high, np.minimum(middle, reach).max())
    span = float(high - low) or 1.0
    # More below, where the names of the lines stand.
    return float(low - ROOM_BELOW * span), float(high + ROOM_ABOVE * span)


def scale(flux: Array) -> float:
    """A typical size that is not 0: the mean may be, where flux is negative as often as positive."""
    return float(np.percentile(np.abs(flux), 75)) or float(np.abs(flux).max()) or 1.0


def decimate(flux: Array, limit: int = MAX_POINTS) -> NDArray[np.int_]:
    """Indices, ascending, of at most ``limit`` samples that keep each stretch's smallest and largest flux."""
    if flux.size <= limit:
        return np.arange(flux.size)
    size = math.ceil(flux.size / (limit // 2))
    whole = flux.size // size * size
    rows = flux[:whole].reshape(-1, size)
    starts = np.arange(0, whole, size)
    chosen = [starts + rows.argmin(1), starts + rows.argmax(1)]
    if whole < flux.size:
        rest = flux[whole:]
        chosen.append(np.array([whole + rest.argmin(), whole + rest.argmax()]))
    return np.unique(np.concatenate(chosen))


def smooth(flux: Array, sigma: float) -> Array:
    """Gaussian smoothing by ``sigma`` samples, edges handled by weight."""
    if not sigma:
        return flux
    reach = min(int(4 * sigma) + 1, max((flux.size - 1) // 2, 0))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    result: Array = np.convolve(flux, kernel, "same") / np.convolve(np.ones_like(flux), kernel, "same")
    return result


def with_gaps(wavelength: Array, *others: Array) -> list[Array]:
    """Put a NaN where the sampling jumps, so that no line is drawn across a gap."""
    if wavelength.size < 2:
        return [wavelength, *others]
    step = np.diff(wavelength)
    gaps = np.flatnonzero(step > max(GAP_STEPS * float(np.median(step)), 60.0)) + 1
    middles = 0.5 * (wavelength[gaps - 1] + wavelength[gaps])
    return [np.insert(wavelength, gaps, middles), *(np.insert(other, gaps, np.nan) for other in others)]


def _means(values: Array, width: int) -> Array:
    """Of each ``width`` samples; a rest too short for a bin is left out."""
    whole = values.size // width * width
    result: Array = values[:whole].reshape(-1, width).mean(1)
    return result


def _number(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _place(text: Any, places: int) -> int:
    value = _number(text)
    return min(max(int(value), 0), places - 1) if value is not None else 0
