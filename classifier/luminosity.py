"""Luminosity: absolute magnitude of a transient at maximum, and what it says about the class.

``luminosity.json`` says how bright the classes are, with sources. It is one table with a version; much of it is
approximate, and the combined probabilities are not calibrated. See docs/brightness.md.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from classifier.lines import LIGHT_SPEED
from classifier.maximum import BandMagnitude

SHIPPED = Path(__file__).with_name("luminosity.json")
# Below this redshift, the host's own motion is as large as the expansion.
NEAREST = 0.001
# Motion of hosts against the expansion, and of the Sun, km/s, 1σ.
PECULIAR_VELOCITY = 500.0
# An absolute magnitude with a larger error says nothing about the class.
LARGEST_ERROR = 2.0
# Error in magnitudes because the table's band is another one than the filter, and because the K-correction knows no
# spectrum; the second grows with the redshift. Both are guesses.
OTHER_BAND = 0.3
K_CORRECTION_A_REDSHIFT = 1.0
# Extinction in magnitudes for E(B−V) = 1: Schlafly & Finkbeiner 2011, R_V = 3.1. c and o lie between their neighbours.
EXTINCTION = {"b": 3.626, "g": 3.303, "c": 3.0, "v": 2.742, "r": 2.285, "o": 2.1, "i": 1.698}


@dataclasses.dataclass(frozen=True)
class ClassLuminosity:
    """Distribution of a class's absolute magnitudes at maximum.

    It is a normal distribution, convolved with an exponential one towards the faint side, because the extinction in the
    host is not known.

    name: class.
    band: band that the numbers were measured in.
    mean: mean absolute magnitude without extinction.
    sigma: standard deviation, mag.
    faint_tail: mean extinction in the host, mag: a guess.
    checked: which of "mean" and "sigma" were read in the source; the rest is recalled.
    source: where the numbers come from.
    """

    name: str
    band: str
    mean: float
    sigma: float
    faint_tail: float
    checked: tuple[str, ...]
    source: str

    def density(self, magnitude: float, error: float) -> float:
        """Return the probability density at an absolute magnitude.

        error: 1σ error of the magnitude, not larger than LARGEST_ERROR.
        """
        offset, width, tail = magnitude - self.mean, math.hypot(self.sigma, error), self.faint_tail
        ratio = width / tail
        # The product of a huge and a tiny number is taken as one exponential.
        return math.exp(ratio**2 / 2 - offset / tail) * _normal(offset / width - ratio) / tail

    def brighter(self, magnitude: float, error: float) -> float:
        """Return the probability of a maximum at least as bright as an absolute magnitude."""
        offset, width, tail = magnitude - self.mean, math.hypot(self.sigma, error), self.faint_tail
        return max(_normal(offset / width) - tail * self.density(magnitude, error), 0.0)


def _normal(x: float) -> float:
    """Return the cumulative normal distribution."""
    return math.erfc(-x / math.sqrt(2)) / 2


@dataclasses.dataclass(frozen=True)
class LuminosityTable:
    """Luminosities of the classes.

    version: version of the table.
    outliers: share of transients of a class that are as the broad density says, such as those with a wrong redshift.
    brightest, faintest: range of the broad density, which is even. A class without an entry has this one alone.
    classes: entries by class.
    """

    version: str
    outliers: float
    brightest: float
    faintest: float
    classes: Mapping[str, ClassLuminosity]

    def likelihood(self, class_name: str, magnitude: float, error: float, *, covered: bool) -> float:
        """Return the likelihood of an absolute magnitude under a class, above zero.

        covered: whether the magnitude is that of the maximum. If not, the maximum was at least so bright, and the
            likelihood is the probability of that.
        """
        inside = min(max(magnitude, self.brightest + 0.1), self.faintest)
        broad = (1.0 if covered else inside - self.brightest) / (self.faintest - self.brightest)
        entry = self.classes.get(class_name)
        if entry is None:
            return broad
        own = entry.density(magnitude, error) if covered else entry.brighter(magnitude, error)
        return (1 - self.outliers) * own + self.outliers * broad

    def oddity(self, class_name: str, magnitude: float, error: float, *, covered: bool) -> float:
        """Return the probability that an absolute magnitude of a class is not of its own distribution, 0..1.

        covered: as in ``likelihood``.

        Returns 0 for a class without an entry, of which nothing is known.
        """
        if class_name not in self.classes:
            return 0.0
        entry = self.classes[class_name]
        own = entry.density(magnitude, error) if covered else entry.brighter(magnitude, error)
        return 1 - (1 - self.outliers) * own / self.likelihood(class_name, magnitude, error, covered=covered)


@functools.cache
def load_table() -> LuminosityTable:
    """Return the shipped table."""
    content = json.loads(SHIPPED.read_text(encoding="utf-8"))
    rows = [ClassLuminosity(**{**row, "checked": tuple(row["checked"])}) for row in content.pop("classes")]
    return LuminosityTable(**content, classes={row.name: row for row in rows})


@dataclasses.dataclass(frozen=True)
class Luminosity:
    """Absolute magnitude of a transient, M = m − μ − A + 2.5 log₁₀(1 + z).

    magnitude: absolute magnitude M, AB.
    error: its 1σ error, with that of the distance, and with those of the K-correction and of other bands.
    distance_modulus: μ, mag (Planck 2018).
    k_correction: −2.5 log₁₀(1 + z), mag: that of a spectrum with even F_ν in the source's light.
    extinction: A in the Milky Way, mag, or None if E(B−V) is not known; then nothing is taken off.
    """

    magnitude: float
    error: float
    distance_modulus: float
    k_correction: float
    extinction: float | None


def luminosity(seen: BandMagnitude, redshift: float, redshift_error: float | None, ebv: float | None) -> Luminosity:
    """Return the absolute magnitude at one time, such as at maximum.

    redshift: heliocentric, larger than NEAREST.
    redshift_error: its 1σ error, or None if it is not known and small.
    ebv: E(B−V) of the Milky Way in that direction, mag, or None if unknown.

    Raises ValueError if the redshift is too small to give a distance.
    """
    if redshift <= NEAREST:
        raise ValueError(f"a redshift of {redshift} gives no distance")
    modulus, k_correction = distance_modulus(redshift), -2.5 * math.log10(1 + redshift)
    extinction = None if ebv is None else EXTINCTION[seen.band] * ebv
    velocity_error = (1 + redshift) * PECULIAR_VELOCITY / LIGHT_SPEED
    distance_error = 5 / math.log(10) * math.hypot(velocity_error, redshift_error or 0.0) / redshift
    error = math.hypot(seen.error, distance_error, OTHER_BAND, K_CORRECTION_A_REDSHIFT * redshift)
    magnitude = seen.magnitude - modulus - k_correction - (extinction or 0.0)
    return Luminosity(magnitude, error, modulus, k_correction, extinction)


def distance_modulus(redshift: float) -> float:
    """Return the distance modulus in magnitudes, in the cosmology of Planck 2018."""
    # The import takes a second, and few processes need it.
    from astropy.cosmology import Planck18

    steps = np.linspace(0.0, redshift, 501)
    # astropy's own integral needs SciPy.
    comoving = Planck18.hubble_distance.value * np.trapezoid(Planck18.inv_efunc(steps), steps)
    return 5 * math.log10((1 + redshift) * float(comoving)) + 25


def surprise(probabilities: Mapping[str, float], bright: Luminosity, *, covered: bool) -> float:
    """Return how much the absolute magnitude changes the answer, 0..1.

    It is the share of probability that the magnitude moves from classes to others, or the oddity of the magnitude for
    the class that was the most probable one, whichever is larger.

    probabilities, covered: as in ``combined``.
    """
    after = combined(probabilities, bright, covered=covered)
    moved = sum(abs(after[name] - share) for name, share in probabilities.items()) / 2
    first = max(probabilities, key=lambda name: probabilities[name])
    return max(moved, load_table().oddity(first, bright.magnitude, bright.error, covered=covered))


def combined(probabilities: Mapping[str, float], bright: Luminosity, *, covered: bool) -> dict[str, float]:
    """Return the classes' probabilities with the absolute magnitude taken into account; they sum to 1.

    probabilities: the network's, taken as those before the magnitude was known. So the mix of classes is the network's.
    covered: whether the magnitude is that of the maximum, or only one that the maximum was not fainter than.
    """
    table = load_table()
    joint = {
        name: share * table.likelihood(name, bright.magnitude, bright.error, covered=covered)
        for name, share in probabilities.items()
    }
    total = sum(joint.values())
    return {name: value / total for name, value in joint.items()}
