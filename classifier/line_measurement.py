"""Measurement of one spectral line between two wavelengths: centre, width, equivalent width and absorption minimum."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from classifier.errors import SpectrumError
from classifier.lines import LIGHT_SPEED, line_list, velocity
from classifier.signal_to_noise import SIGMA_PER_MAD
from classifier.spectrum import Array

# Fewest samples within the stretch, and most; more are averaged.
FEWEST, MOST = 10, 1000
# Share of the stretch at either end that counts as continuum.
CONTINUUM_SHARE = 0.15
# The profile is smoothed by a Gaussian whose standard deviation is this share of the stretch, to find extremes.
SMOOTHING_SHARE = 0.02
# Noise is drawn anew so many times, to find the errors.
DRAWS = 200
# A minimum or a maximum counts if it lies this many times its error from the continuum.
SIGNIFICANT = 4.0
# The sign of an equivalent width counts if the width is this many times its error.
SURE_OF_SIGN = 3.0
# The error of a minimum's wavelength is at most this share of the stretch.
STEADY_SHARE = 0.1
# Full width at half maximum of a Gaussian in units of its standard deviation.
FWHM_PER_SIGMA = 2.3548
# A measured line is a known one only if its velocity lies between these, km/s; negative towards us.
VELOCITIES = (-30_000.0, 10_000.0)


@dataclasses.dataclass(frozen=True)
class Measured:
    """A value with its 1σ error, in the same unit."""

    value: float
    error: float


@dataclasses.dataclass(frozen=True)
class LineMeasurement:
    """Measured properties of one line. Wavelengths are in Å, in the frame of the spectrum.

    Attributes:
        emission: whether the line stands above the continuum, all in all: by the sign of the equivalent width if that
            is certain, else by the point that lies farthest from the continuum.
        centre: mean wavelength of the line, weighted by its distance from the continuum.
        fwhm: full width at half maximum, Å; not corrected for the instrument's resolution. None if the line does not
            stand out of the noise.
        equivalent_width: Å, positive for absorption; None if the continuum is not positive.
        minimum: wavelength of the deepest absorption, or None if nothing lies below the continuum.
        continuum: the continuum at the first and the last wavelength of the stretch, in the unit of the flux.
    """

    emission: bool
    centre: Measured
    fwhm: Measured | None
    equivalent_width: Measured | None
    minimum: Measured | None
    continuum: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A known line that a measured one may be.

    Attributes:
        name: its name.
        rest: its rest wavelength in air, Å.
        velocity: velocity that moves it where it was measured, km/s; negative towards us.
    """

    name: str
    rest: float
    velocity: Measured


def measure_line(wavelength: Array, flux: Array, flux_error: Array | None, low: float, high: float) -> LineMeasurement:
    """Measure the line between two wavelengths, over a straight continuum between the stretch's ends.

    wavelength: (n,) Å, ascending.
    flux: (n,) F_λ in any unit.
    flux_error: (n,) 1σ errors in that unit, or None to take the scatter from sample to sample.
    low, high: ends of the stretch, Å. It should reach a little into the continuum on both sides.

    The errors are the scatter of measurements of the same stretch with noise added; those of the continuum are
    included.

    Raises SpectrumError("too_few_samples") if the stretch has fewer than FEWEST samples.
    """
    inside = slice(*np.searchsorted(wavelength, (low, high)))
    x, y = wavelength[inside], flux[inside]
    if x.size < FEWEST:
        raise SpectrumError("too_few_samples", f"the stretch has {x.size} samples; at least {FEWEST} are needed")
    noise = np.full(x.size, _scatter(y)) if flux_error is None else flux_error[inside]
    if x.size > MOST:
        x, y, noise = _averaged(x, y, noise, math.ceil(x.size / MOST))
    drawn = y + noise * np.random.default_rng(0).normal(size=(DRAWS, x.size))
    profiles = _Profiles.of(x, np.vstack([y, drawn]))
    deepest, lowest = profiles.extreme(emission=False)
    tallest, highest = profiles.extreme(emission=True)
    width = _measured(profiles.equivalent_width()) if profiles.positive else None
    if width is not None and abs(width.value) > SURE_OF_SIGN * width.error:
        emission = width.value < 0
    else:
        emission = bool(highest[0] >= -lowest[0])
    peak, depth = (tallest, highest) if emission else (deepest, lowest)
    stands_out = abs(depth[0]) > SIGNIFICANT * np.std(depth[1:])
    falls_below = lowest[0] < 0 and abs(lowest[0]) > SIGNIFICANT * np.std(lowest[1:])
    # A minimum that wanders over the stretch as noise is added is none.
    steady = np.std(deepest[1:]) < STEADY_SHARE * (x[-1] - x[0])
    return LineMeasurement(
        emission=emission,
        centre=_measured(profiles.centroid(emission=emission)),
        fwhm=_measured(profiles.width(peak, depth)) if stands_out else None,
        equivalent_width=width,
        minimum=_measured(deepest) if falls_below and steady else None,
        continuum=(float(profiles.ends[0]), float(profiles.ends[1])),
    )


def candidates(
    measured: LineMeasurement, redshift: float, elements: Sequence[str], *, vacuum: bool = False
) -> list[Candidate]:
    """Return the lines that a measured one may be: those within VELOCITIES, the likeliest first.

    redshift: redshift of the transient; 0 for a spectrum in the rest frame.
    elements: elements whose lines are likely, such as those of the predicted class.
    vacuum: whether the spectrum's wavelengths are in vacuum, and not in air.

    The velocity is that of the absorption minimum where absorption was measured, else that of the centre.
    """
    place = measured.centre if measured.emission or measured.minimum is None else measured.minimum
    found = [
        (Candidate(name, rest, _with_error(velocity(place.value, rest, redshift, vacuum=vacuum), place)), of)
        for rest, name, of in line_list()
    ]
    slowest, fastest = VELOCITIES
    near = [(line, of) for line, of in found if slowest <= line.velocity.value <= fastest]

    def unlikely(row: tuple[Candidate, str]) -> tuple[bool, bool, float]:
        speed = row[0].velocity.value
        # An absorber lies before the light and comes towards us.
        return row[1] not in elements, speed > 0 and not measured.emission, abs(speed)

    return [line for line, _ in sorted(near, key=unlikely)]


def _with_error(speed: float, place: Measured) -> Measured:
    """Return a line's velocity (km/s) with the error that follows from that of the line's wavelength (Å)."""
    return Measured(speed, (1 - (speed / LIGHT_SPEED) ** 2) * LIGHT_SPEED * place.error / place.value)


@dataclasses.dataclass(frozen=True, eq=False)
class _Profiles:
    """Profiles of one line: the first is the spectrum's own, the others have noise added.

    x: (n,) Å.
    excess: (draws, n) flux over continuum, less 1; flux less continuum if that is not positive everywhere.
    ends: (2,) continuum of the first profile at the ends of the stretch.
    positive: whether all continua are positive.
    smooth: (draws, n) smoothed excess.
    """

    x: Array
    excess: Array
    ends: Array
    positive: bool
    smooth: Array

    @classmethod
    def of(cls, x: Array, flux: Array) -> _Profiles:
        """Return the profiles of fluxes (draws, n) over straight continua."""
        span = x[-1] - x[0]
        left, right = x <= x[0] + CONTINUUM_SHARE * span, x >= x[-1] - CONTINUUM_SHARE * span
        (x0, x1), (y0, y1) = (x[left].mean(), x[right].mean()), (flux[:, left].mean(1), flux[:, right].mean(1))
        continuum = y0[:, None] + ((y1 - y0) / (x1 - x0))[:, None] * (x - x0)
        weights = np.exp(-0.5 * ((x[:, None] - x) / (SMOOTHING_SHARE * span)) ** 2) * np.gradient(x)[:, None]
        positive = bool(continuum.min() > 0)
        excess = flux / continuum - 1 if positive else flux - continuum
        return cls(x, excess, continuum[0, [0, -1]], positive, excess @ (weights / weights.sum(0)))

    def extreme(self, *, emission: bool) -> tuple[Array, Array]:
        """Return the wavelength (draws,) of the highest or lowest point, by a parabola, and its excess (draws,)."""
        sign = 1.0 if emission else -1.0
        at = np.clip((sign * self.smooth).argmax(1), 1, self.x.size - 2)
        rows = np.arange(at.size)
        before, here, after = (self.smooth[rows, at + step] for step in (-1, 0, 1))
        bend = before - 2 * here + after
        part = np.divide(0.5 * (before - after), bend, out=np.zeros_like(bend), where=bend != 0)
        return self.x[at] + np.clip(part, -1, 1) * 0.5 * (self.x[at + 1] - self.x[at - 1]), here

    def centroid(self, *, emission: bool) -> Array:
        """Return the mean wavelength (draws,) of what stands above, or below, the continuum."""
        sided = self.smooth if emission else -self.smooth
        # Half of the peak or more, so that noise far from the line does not count.
        kept = np.where(sided >= 0.5 * sided.max(1, keepdims=True), sided, 0.0) * np.gradient(self.x)
        total = kept.sum(1)
        middle = np.full_like(total, self.x.mean())
        return np.asarray(np.divide((kept * self.x).sum(1), total, out=middle, where=total > 0))

    def width(self, peak: Array, height: Array) -> Array:
        """Return the full width (draws,) at half of a height, measured outwards from a peak; both (draws,)."""
        widths = np.array([self._width(*row) for row in zip(self.smooth, peak, height, strict=True)])
        smoothing = FWHM_PER_SIGMA * SMOOTHING_SHARE * np.ptp(self.x)
        return np.asarray(np.sqrt(np.maximum(widths**2 - smoothing**2, 0.0)))

    def _width(self, smooth: Array, peak: float, height: float) -> float:
        above = smooth / height - 0.5
        middle = int(np.searchsorted(self.x, peak))
        falls = np.flatnonzero(above[middle:] < 0)
        rises = np.flatnonzero(above[:middle] < 0)
        right = self._crossing(above, max(middle + int(falls[0]) - 1, 0)) if falls.size else float(self.x[-1])
        left = self._crossing(above, int(rises[-1])) if rises.size else float(self.x[0])
        return right - left

    def _crossing(self, above: Array, before: int) -> float:
        """Return where the profile crosses its half height between a sample and the next one."""
        first, second = above[before], above[before + 1]
        share = first / (first - second) if first != second else 0.5
        return float(self.x[before] + np.clip(share, 0, 1) * (self.x[before + 1] - self.x[before]))

    def equivalent_width(self) -> Array:
        """Return the integral (draws,) of 1 - flux / continuum over the stretch, Å. The continua must be positive."""
        return np.asarray(-np.trapezoid(self.excess, self.x, axis=1))


def _measured(draws: Array) -> Measured:
    """Return the first value with the scatter of the others as its error."""
    return Measured(float(draws[0]), float(np.std(draws[1:])))


def _averaged(x: Array, y: Array, noise: Array, width: int) -> tuple[Array, Array, Array]:
    """Average each ``width`` samples of wavelength, flux and independent 1σ noise; a remainder is left out."""
    rows = [values[: x.size // width * width].reshape(-1, width) for values in (x, y, noise)]
    return rows[0].mean(1), rows[1].mean(1), np.sqrt((rows[2] ** 2).mean(1) / width)


def _scatter(flux: Array) -> float:
    """Return the 1σ scatter from sample to sample."""
    steps = np.diff(flux)
    return float(SIGMA_PER_MAD * np.median(np.abs(steps - np.median(steps))) / np.sqrt(2))
