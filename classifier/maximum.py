"""Maximum of a light curve: when and how bright, and whether the light curve covers it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np

from classifier.bands import band_of
from classifier.spectrum import Array

# Optical bands, the preferred one first.
OPTICAL = ("r", "g", "o", "c", "i", "v", "b")
# A magnitude with a larger error (about 5σ) does not count.
LARGEST_ERROR = 0.2
# A magnitude outside these is a sign for "none", such as -99 or 99.
BRIGHTEST, FAINTEST = 0.0, 35.0
# Error of a magnitude that comes without one: a guess.
USUAL_ERROR = 0.1
# Days around a spectrum that belong to its transient's maximum. What was seen years before is something else.
NEAR = 365.0
# A maximum is covered if the transient was measured so many rest-frame days before and after it, and was fainter by so
# many magnitudes within so many days on both sides.
NEIGHBOUR, FAINTER, FAINTER_WITHIN = 12.0, 0.1, 40.0
# A magnitude at another time is interpolated between nights at most so many rest-frame days before and after it. A
# night within the second number of days gives its own. The third is a guess at the error of an interpolation, mag.
INTERPOLATED_WITHIN, SAME_NIGHT, INTERPOLATION_ERROR = 5.0, 0.5, 0.1
# AB magnitude of one microjansky.
_MICROJANSKY = 23.9

# Time (MJD), filter, magnitude (or flux), and its 1σ error or None.
Point = tuple[float, str, float, float | None]
# Time (MJD), filter, and the magnitude (or flux) that nothing was brighter than.
Limit = tuple[float, str, float]


@dataclasses.dataclass(frozen=True)
class BandMagnitude:
    """Magnitude of a transient at one time in one filter.

    filter: the filter's name, and its band.
    band: one of OPTICAL.
    mjd: the time; for a night, that of its middle measurement.
    magnitude, error: the magnitude (for a night, its median) and its 1σ error.
    """

    filter: str
    band: str
    mjd: float
    magnitude: float
    error: float


@dataclasses.dataclass(frozen=True)
class Maximum(BandMagnitude):
    """Brightest night of a light curve in one filter.

    covered: whether the light curve shows the transient before and after it, and fainter there.
    mjd_error: 1σ error of the time of maximum in days, observer's frame, or None if it is not covered.
    """

    covered: bool
    mjd_error: float | None


@dataclasses.dataclass(frozen=True, eq=False)
class FilterCurve:
    """Light curve in one filter, one value a night.

    filter, band: as in Maximum.
    mjd: (n,) ascending.
    magnitude, error: (n,) medians of the night, and their 1σ errors.
    limits: (m, 2) time and magnitude of the upper limits.
    """

    filter: str
    band: str
    mjd: Array
    magnitude: Array
    error: Array
    limits: Array


def in_magnitudes(points: Iterable[Point], limits: Iterable[Limit]) -> tuple[list[Point], list[Limit]]:
    """Return measurements and limits in microjansky as AB magnitudes. Fluxes that are not above zero are left out.

    points: rows of time, filter, flux and its error or None.
    limits: rows of time, filter and limiting flux.
    """
    measured: list[Point] = [
        (mjd, name, _magnitude(flux), None if error is None else 2.5 / math.log(10) * error / flux)
        for mjd, name, flux, error in points
        if flux > 0
    ]
    return measured, [(mjd, name, _magnitude(flux)) for mjd, name, flux in limits if flux > 0]


def _magnitude(microjansky: float) -> float:
    return _MICROJANSKY - 2.5 * math.log10(microjansky)


def filter_curves(points: Iterable[Point], limits: Iterable[Limit]) -> list[FilterCurve]:
    """Return the light curve of each optical filter with a measurement that counts."""
    measured: dict[str, list[tuple[float, float, float]]] = {}
    below: dict[str, list[tuple[float, float]]] = {}
    for mjd, name, magnitude, error in points:
        if BRIGHTEST <= magnitude <= FAINTEST and (error is None or 0 <= error <= LARGEST_ERROR):
            measured.setdefault(name, []).append((mjd, magnitude, USUAL_ERROR if error is None else error))
    for mjd, name, magnitude in limits:
        if BRIGHTEST <= magnitude <= FAINTEST:
            below.setdefault(name, []).append((mjd, magnitude))
    curves = []
    for name, rows in measured.items():
        band = band_of(name)
        if band in OPTICAL:
            limit = np.array(sorted(below.get(name, [])), dtype=np.float64).reshape(-1, 2)
            curves.append(FilterCurve(name, band, *_nights(np.array(rows, dtype=np.float64)), limit))
    return curves


def _nights(rows: Array) -> tuple[Array, Array, Array]:
    """Return time, magnitude and error of each night. A median leaves out the odd bad exposure of a survey's night.

    rows: (n, 3) time, magnitude and error.
    """
    rows = rows[np.argsort(rows[:, 0])]
    _, starts = np.unique(np.floor(rows[:, 0]), return_index=True)
    nights = np.split(rows, starts[1:])
    medians = np.array([np.median(night, axis=0) for night in nights])
    counts = np.array([len(night) for night in nights])
    return medians[:, 0], medians[:, 1], medians[:, 2] / np.sqrt(counts)


def maximum(curves: Sequence[FilterCurve], redshift: float, around: float | None = None) -> Maximum | None:
    """Return the maximum in the filter that shows it best, or None if no filter was measured near the spectrum.

    A filter that covers its maximum comes before one that does not. Of several that do, the preferred band is taken;
    of several that do not, the brightest.

    redshift: redshift of the transient, which stretches its time.
    around: time of the spectrum (MJD), or None if it is unknown.
    """
    found = [top for curve in curves if (top := _of_filter(curve, 1 + redshift, around)) is not None]
    return min(found, key=_choice, default=None)


def magnitude_at(curve: FilterCurve, mjd: float, redshift: float) -> BandMagnitude | None:
    """Return the magnitude in a filter at a time, or None if no night lies near enough.

    mjd: the time.
    redshift: redshift of the transient, which stretches its time.

    A night within SAME_NIGHT gives its own magnitude. Else the two nights around the time are interpolated, if both lie
    within INTERPOLATED_WITHIN rest-frame days of it.
    """
    nearest = int(np.abs(curve.mjd - mjd).argmin())
    if abs(curve.mjd[nearest] - mjd) <= SAME_NIGHT:
        return BandMagnitude(
            curve.filter, curve.band, mjd, float(curve.magnitude[nearest]), float(curve.error[nearest])
        )
    after = int(np.searchsorted(curve.mjd, mjd))
    around = curve.mjd[max(after - 1, 0) : after + 1]
    if after == 0 or len(around) < 2 or np.abs(around - mjd).max() > INTERPOLATED_WITHIN * (1 + redshift):
        return None
    magnitude, error = (float(np.interp(mjd, curve.mjd, values)) for values in (curve.magnitude, curve.error))
    return BandMagnitude(curve.filter, curve.band, mjd, magnitude, math.hypot(error, INTERPOLATION_ERROR))


def _choice(top: Maximum) -> tuple[bool, float]:
    return (not top.covered, OPTICAL.index(top.band) if top.covered else top.magnitude)


def _of_filter(curve: FilterCurve, stretch: float, around: float | None) -> Maximum | None:
    """Return the maximum in one filter. ``stretch`` is 1 + z."""
    near = np.ones(len(curve.mjd), dtype=bool) if around is None else np.abs(curve.mjd - around) <= NEAR
    mjd, magnitude = curve.mjd[near], curve.magnitude[near]
    if not len(mjd):
        return None
    best = int(magnitude.argmin())
    when, top = float(mjd[best]), float(magnitude[best])
    beside = mjd[max(best - 1, 0) : best + 2]
    neighbours = len(beside) == 3 and float(np.diff(beside).max()) <= NEIGHBOUR * stretch
    faint = [mjd[magnitude >= top + FAINTER], curve.limits[curve.limits[:, 1] >= top + FAINTER, 0]]
    offsets = np.concatenate(faint) - when
    before = float(offsets[offsets < 0].max(initial=-np.inf))
    after = float(offsets[offsets > 0].min(initial=np.inf))
    covered = neighbours and max(-before, after) <= FAINTER_WITHIN * stretch
    # Half of the time between the two nights is an honest 1σ error: measured on superluminous supernovae.
    error = (after - before) / 2 if covered else None
    return Maximum(curve.filter, curve.band, when, top, float(curve.error[near][best]), covered, error)
