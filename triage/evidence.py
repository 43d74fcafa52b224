"""What predictions rest on: stored compactly by the worker, read and put into words by the pages, without PyTorch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from classifier.taxonomy import load_taxonomy
from triage.lines import LIGHT_SPEED, line_list
from triage.models import Prediction, PredictionEvidence

if TYPE_CHECKING:
    from classifier.explain import Evidence

Array = NDArray[np.float64]

_FULL = 127
# A stretch begins and ends where the contribution falls below this share of the largest.
_EDGE = 0.2
# A stretch that holds less than this share of all that speaks for the class is not named.
_WORTH_NAMING = 0.1
_MOST_NAMED = 3
# By group: how fast the gas of its absorption lines usually comes towards us, km/s, how far from that it may be, and
# the elements that its spectra do not show.
_EJECTA: dict[str, tuple[float, float, frozenset[str]]] = {
    "Ia": (10_500.0, 7_000.0, frozenset({"H", "He I", "He II", "[O III]"})),
    "stripped-envelope": (9_000.0, 9_500.0, frozenset({"[O III]", "S II", "Si II", "He II"})),
    "hydrogen-rich": (4_500.0, 6_500.0, frozenset({"S II", "C II", "[O III]"})),
    "superluminous": (10_000.0, 8_000.0, frozenset({"[O III]"})),
}
# The lines of all other groups lie where they are, but for a broad line's width.
_AT_REST = (0.0, 3_500.0, frozenset({"C II", "S II", "Si II"}))


@dataclasses.dataclass(frozen=True)
class Stretch:
    """first, last, peak: Å as the spectrum came. share: of all that speaks for the class (or against it)."""

    first: float
    last: float
    peak: float
    share: float


def keep(prediction: Prediction, found: Evidence) -> PredictionEvidence:
    """Store what a prediction rests on."""
    return PredictionEvidence.objects.create(
        prediction=prediction,
        class_name=found.class_name,
        wavelength_first=float(found.wavelength[0]),
        wavelength_last=float(found.wavelength[-1]),
        contribution=np.round(np.clip(found.contribution, -1, 1) * _FULL).astype(np.int8).tobytes(),
        embedding=found.embedding.astype("<f2").tobytes(),
    )


def contribution(stored: PredictionEvidence) -> tuple[Array, Array]:
    """Wavelength (n,) Å in the frame that the spectrum came in, contribution (n,) from -1 to 1."""
    values = np.frombuffer(bytes(stored.contribution), dtype=np.int8) / _FULL
    return np.geomspace(stored.wavelength_first, stored.wavelength_last, values.size), values


def words(stored: PredictionEvidence, redshift: float | None) -> str:
    """Which lines decided, for people: "Si II 6355 (34 %) and S II 5606 (12 %) spoke most for SN Ia; Hα 6563 against".

    redshift: of the axis that the evidence is on, 0 at rest; None where it is not known, which names no lines."""
    wavelength, values = contribution(stored)
    speaks = _named(wavelength, values, stored.class_name, redshift)
    if not speaks:
        return f"No single wavelength decided for {stored.class_name}"
    said = f"{_list(speaks)} spoke most for {stored.class_name}"
    against = _named(wavelength, -values, stored.class_name, redshift)
    weighty = -values.clip(max=0).sum() > 0.3 * values.clip(min=0).sum()
    return f"{said}; against it {_list(against[:1])}" if against and weighty else said


def stretches(wavelength: Array, values: Array) -> list[Stretch]:
    """Stretches that speak for the class, the weightiest first; values (n,), of which the positive count."""
    positive = values.clip(min=0)
    total = float(positive.sum())
    if total <= 0:
        return []
    return sorted(_runs(wavelength, positive, total), key=lambda found: -found.share)


def _runs(wavelength: Array, positive: Array, total: float) -> Iterator[Stretch]:
    above = np.concatenate([[False], positive > _EDGE * positive.max(), [False]])
    bounds = np.flatnonzero(np.diff(above.astype(int)))
    for start, end in zip(bounds[::2], bounds[1::2], strict=True):
        part = positive[start:end]
        # Between the samples, which are 2000 km/s apart.
        top = start + int(part.argmax())
        near = slice(max(top - 1, start), min(top + 2, end))
        peak = float(np.average(wavelength[near], weights=positive[near]))
        yield Stretch(float(wavelength[start]), float(wavelength[end - 1]), peak, float(part.sum()) / total)


def _named(wavelength: Array, values: Array, class_name: str, redshift: float | None) -> list[tuple[str, float]]:
    """(name, share) of what speaks; two stretches of one line count together."""
    shares: dict[str, float] = {}
    for found in stretches(wavelength, values):
        name = _name(found, class_name, redshift)
        shares[name] = shares.get(name, 0.0) + found.share
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    return [(name, share) for name, share in ranked if share >= _WORTH_NAMING][:_MOST_NAMED]


def _name(found: Stretch, class_name: str, redshift: float | None) -> str:
    """The line whose gas would have the most usual velocity; a range of wavelengths where none fits."""
    if redshift is not None:
        entry = load_taxonomy().find(class_name)
        usual, reach, absent = _EJECTA.get(entry.group if entry else "", _AT_REST)
        at = found.peak / (1 + redshift)
        fits = [
            (abs(LIGHT_SPEED * (1 - at / rest) - usual), f"{name} {rest:.0f}")
            for rest, name, element in line_list()
            if element not in absent
        ]
        distance, name = min(fits)
        if distance <= reach:
            return name
    first, last = (round(end, -1) for end in (found.first, found.last))
    return f"{first:.0f} Å" if first == last else f"{first:.0f}–{last:.0f} Å"


def _list(named: list[tuple[str, float]]) -> str:
    parts = [f"{name} ({share:.0%})".replace("%", " %") for name, share in named]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
