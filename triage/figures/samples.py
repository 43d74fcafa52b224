"""Samples of a spectrum for the screen: smoothed, binned, decimated and broken at gaps. Arrays in, arrays out."""

from __future__ import annotations

import base64
import dataclasses
import functools
import math
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.errors import SpectrumError
from classifier.flattening import continuum
from classifier.resampling import PreprocessConfig
from classifier.signal_to_noise import signal_to_noise

Array = NDArray[np.float64]

# A screen cannot show more samples than this.
MAX_POINTS = 2400
# Standard deviation of the smoothing in samples, by the slider's position.
SMOOTHING = (0.0, 0.8, 1.5, 2.5, 4.0, 6.0, 10.0, 16.0)
# A spectrum whose median signal-to-noise ratio in bins of 10 Å is below NOISY is drawn smoothed, unless somebody chose.
NOISY, SMOOTHED = 5.0, 4
# Number of samples averaged into one, by the slider's position.
BINNING = (1, 2, 3, 5, 8, 12, 20, 40)
# A gap is a step this many times as long as the median one.
GAP_STEPS = 8.0


@dataclasses.dataclass(frozen=True, eq=False)
class Epoch:
    """A spectrum to draw.

    wavelength: (n,) Å, ascending, in the frame of the file.
    flux: (n,) in any unit.
    flux_error: (n,) 1σ error in the same unit, or None.
    label: name of the epoch.
    unit: flux that is drawn as 1, or None for a typical one.
    """

    wavelength: Array
    flux: Array
    flux_error: Array | None
    label: str
    unit: float | None = None

    @functools.cached_property
    def size(self) -> float:
        """Return the flux that is drawn as 1; never 0."""
        # The mean can be 0 if half of the flux is negative.
        return self.unit or float(np.percentile(np.abs(self.flux), 75)) or float(np.abs(self.flux).max()) or 1.0


class FluxKind(StrEnum):
    """Quantity on the flux axis."""

    MEASURED = "measured"
    CONTINUUM = "continuum"
    LOG = "log"

    @property
    def words(self) -> str:
        """Return the axis's label."""
        labels = {FluxKind.CONTINUUM: "Flux over continuum", FluxKind.LOG: "log₁₀ of flux (F_λ, scaled)"}
        return labels.get(self, "Flux (F_λ, scaled)")


@dataclasses.dataclass(frozen=True)
class Look:
    """Settings of the plot.

    smoothing: position of its slider, an index into SMOOTHING; None to choose one by the noise.
    binning: position of its slider, an index into BINNING.
    stretch: shortest and longest wavelength (Å), or None for all.
    flux: what the flux axis shows.
    """

    smoothing: int | None = None
    binning: int = 0
    stretch: tuple[float, float] | None = None
    flux: FluxKind = FluxKind.MEASURED


def columns(epoch: Epoch, look: Look) -> dict[str, Array]:
    """Return the columns of the plotted spectrum, at most MAX_POINTS samples with a NaN in every gap.

    Each pixel's smallest and largest flux are kept. Fluxes are in units of the epoch's ``size``, or their logarithms.

    x: wavelength, Å.
    y: flux.
    raw: flux before smoothing and binning.
    lower, upper: ends of the error bar; NaN without errors.
    """
    whole = epoch.size
    x, raw = epoch.wavelength, epoch.flux / whole
    error = np.full(x.size, np.nan) if epoch.flux_error is None else epoch.flux_error / whole
    width = BINNING[look.binning]
    y = smooth(raw, SMOOTHING[smoothing_of(epoch, look)])
    if width > 1 and x.size >= 2 * width:
        # The samples are taken as independent for the error of their mean; raw is the middle sample.
        raw = raw[width // 2 :: width][: x.size // width]
        error = np.sqrt(_means(error**2, width) / width)
        x, y = _means(x, width), _means(y, width)
    if look.stretch is not None:
        inside = slice(*np.searchsorted(x, look.stretch))
        x, y, raw, error = x[inside], y[inside], raw[inside], error[inside]
    kept = decimate(y)
    x, y, raw, error = with_gaps(x[kept], y[kept], raw[kept], error[kept])
    drawn = {"y": y, "raw": raw, "lower": y - error, "upper": y + error}
    return {"x": x, **{name: plotted(values, look) for name, values in drawn.items()}}


def as_shown(epoch: Epoch, look: Look) -> tuple[Epoch, Look]:
    """Return an epoch, with its continuum divided out as the cross-check does it if the look wants that, and the look.

    An epoch that covers too little for that stays as it is, and its look shows the measured flux.
    """
    if look.flux != FluxKind.CONTINUUM:
        return epoch, look
    try:
        level = continuum(epoch.wavelength, epoch.flux, PreprocessConfig())
    except SpectrumError:
        return epoch, dataclasses.replace(look, flux=FluxKind.MEASURED)
    error = None if epoch.flux_error is None else epoch.flux_error / level
    return dataclasses.replace(epoch, flux=epoch.flux / level, flux_error=error, unit=1.0), look


def as_drawn(flux: Array, epoch: Epoch, look: Look) -> Array:
    """Return another flux at an epoch's samples, (n,), as it is drawn over this epoch.

    look: as ``as_shown`` returned it for the epoch.
    """
    over_continuum = look.flux == FluxKind.CONTINUUM
    base = continuum(epoch.wavelength, epoch.flux, PreprocessConfig()) if over_continuum else epoch.size
    return plotted(flux / base, look)


def plotted(flux: Array, look: Look) -> Array:
    """Return what is drawn of fluxes: themselves, or their logarithms, NaN where there is none."""
    if look.flux != FluxKind.LOG:
        return flux
    return np.log10(flux, out=np.full_like(flux, np.nan), where=flux > 0)


def encoded(values: dict[str, Array]) -> dict[str, str]:
    """Encode columns as base64 of little-endian float32, which JavaScript reads without parsing numbers."""
    return {name: base64.b64encode(column.astype("<f4").tobytes()).decode() for name, column in values.items()}


def look_of(query: Any) -> Look:
    """Read a look from the parameters smooth, bin, from, to and flux of an address; unreadable ones are ignored."""
    first, last = _number(query.get("from")), _number(query.get("to"))
    stretch = (first, last) if first is not None and last is not None and first < last else None
    smoothing = _place(query["smooth"], len(SMOOTHING)) if query.get("smooth") else None
    flux = FluxKind(query["flux"]) if query.get("flux") in set(FluxKind) else FluxKind.MEASURED
    return Look(smoothing, _place(query.get("bin"), len(BINNING)), stretch, flux)


def smoothing_of(epoch: Epoch, look: Look) -> int:
    """Return the position of the smoothing slider: the chosen one, else one by the signal-to-noise ratio."""
    if look.smoothing is not None:
        return look.smoothing
    signal = signal_to_noise(epoch.wavelength, epoch.flux, epoch.flux_error)
    return SMOOTHED if signal is not None and signal.median < NOISY else 0


def decimate(flux: Array, limit: int = MAX_POINTS) -> NDArray[np.int_]:
    """Return ascending indices of at most ``limit`` samples, with the smallest and largest flux of each stretch."""
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
    """Smooth with a Gaussian of ``sigma`` samples; at the edges, the weights of missing samples are left out."""
    if not sigma:
        return flux
    reach = min(int(4 * sigma) + 1, max((flux.size - 1) // 2, 0))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    result: Array = np.convolve(flux, kernel, "same") / np.convolve(np.ones_like(flux), kernel, "same")
    return result


def with_gaps(wavelength: Array, *others: Array) -> list[Array]:
    """Insert a NaN at each gap of the wavelengths, so that no line is drawn across it.

    wavelength: (n,) Å. others: columns of the same length.
    """
    if wavelength.size < 2:
        return [wavelength, *others]
    step = np.diff(wavelength)
    gaps = np.flatnonzero(step > max(GAP_STEPS * float(np.median(step)), 60.0)) + 1
    middles = 0.5 * (wavelength[gaps - 1] + wavelength[gaps])
    return [np.insert(wavelength, gaps, middles), *(np.insert(other, gaps, np.nan) for other in others)]


def _means(values: Array, width: int) -> Array:
    """Return the mean of each ``width`` samples; a remainder is left out."""
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
