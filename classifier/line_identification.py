"""The spectral lines behind an attribution, in words. This module does not load PyTorch.

A stretch of wavelengths is named by a line of the predicted class whose gas would move at a velocity that the class
has. Where no line fits, the words give the range of wavelengths.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterator

import numpy as np

from classifier.lines import line_list, velocity
from classifier.spectrum import Array
from classifier.taxonomy import TransientClass, load_taxonomy

# A stretch begins and ends where the contribution falls below this share of the largest one.
_EDGE = 0.2
# A stretch with less than this share of everything that speaks for the class is not named.
_WORTH_NAMING = 0.1
_MOST_NAMED = 3
# The words name what speaks against the class if it amounts to more than this share of what speaks for it.
_WORTH_OBJECTING = 0.3


@dataclasses.dataclass(frozen=True)
class Ejecta:
    """Velocity of the gas that makes a class's lines.

    Attributes:
        velocity: usual velocity towards us in km/s.
        reach: how far from the usual velocity it may be, in km/s.
    """

    velocity: float
    reach: float


# Lines at rest, within the width of a broad line.
AT_REST = Ejecta(0.0, 3_500.0)
# By group of the taxonomy; the lines of all other groups are at rest.
GROUP_EJECTA = {
    "Ia": Ejecta(10_500.0, 7_000.0),
    "stripped-envelope": Ejecta(9_000.0, 9_500.0),
    "hydrogen-rich": Ejecta(4_500.0, 6_500.0),
    "superluminous": Ejecta(10_000.0, 8_000.0),
}
# Classes whose gas is faster than that of their group, or whose lines come from slow gas around the star.
CLASS_EJECTA = {
    "SN Ic-BL": Ejecta(17_000.0, 10_000.0),
    "SN IIn": AT_REST,
    "SN Ibn": Ejecta(1_500.0, 3_500.0),
}


# Broad Hα covers this line, so it is named in a class with hydrogen only if the class's lines are narrow.
_BEHIND_H_ALPHA = ("He I", 6678.2)
_NARROW_GROUPS = ("Galactic",)
# These lines are strong in thermonuclear supernovae alone. In others, other lines lie there.
_OF_IA_ALONE = (("Si II", 4130.0), ("Si II", 5972.0))


# Strong lines of late stripped-envelope supernovae, [O I] and [Ca II], in Å. Beside them another line is named only if
# its velocity is usual, because a fast absorption and an emission at rest cannot be told apart there.
_LATE_LINES, _LATE_REACH = (6300.3, 6363.8, 7291.5, 7323.9), 1_500.0
_USUAL_SHARE = 0.5


@dataclasses.dataclass(frozen=True)
class Stretch:
    """A range of wavelengths that speaks for a class (or against it).

    Attributes:
        first, last, peak: Å in the frame that the spectrum came in.
        share: its share of everything that speaks for the class (or against it), 0 to 1.
    """

    first: float
    last: float
    peak: float
    share: float


def describe(
    class_name: str, wavelength: Array, contribution: Array, redshift: float | None, *, vacuum: bool = False
) -> str:
    """Say which lines decided, as in "Si II 6355 (34 %) spoke most for SN Ia; against it 6200–6400 Å (80 %)".

    class_name: the class that the attribution explains.
    wavelength: (n,) Å, ascending, in the frame that the spectrum came in.
    contribution: (n,) from -1, against the class, to 1, for it.
    redshift: redshift of the wavelengths, 0 in the rest frame; None if unknown, so that no line can be named.
    vacuum: whether the wavelengths are in vacuum, and not in air.
    """
    supporting = _named(wavelength, contribution, class_name, redshift, vacuum=vacuum)
    if not supporting:
        return f"No single wavelength decided for {class_name}"
    sentence = f"{_joined(supporting)} spoke most for {class_name}"
    without = {name for name, _ in supporting}
    opposing = _named(wavelength, -contribution, class_name, redshift, without, vacuum=vacuum)
    weighty = -contribution.clip(max=0).sum() > _WORTH_OBJECTING * contribution.clip(min=0).sum()
    return f"{sentence}; against it {_joined(opposing[:1])}" if opposing and weighty else sentence


def stretches(wavelength: Array, values: Array) -> list[Stretch]:
    """Return the stretches where the values are positive and large, the one with the largest share first.

    wavelength: (n,) Å, ascending.
    values: (n,) contribution; negative values are ignored.
    """
    positive = values.clip(min=0)
    total = float(positive.sum())
    if total <= 0:
        return []
    return sorted(_runs(wavelength, positive, total), key=lambda stretch: -stretch.share)


def _runs(wavelength: Array, positive: Array, total: float) -> Iterator[Stretch]:
    above = np.concatenate([[False], positive > _EDGE * positive.max(), [False]])
    bounds = np.flatnonzero(np.diff(above.astype(int)))
    for start, end in zip(bounds[::2], bounds[1::2], strict=True):
        part = positive[start:end]
        # The samples are 2000 km/s apart, so the peak is interpolated between them.
        top = start + int(part.argmax())
        near = slice(max(top - 1, start), min(top + 2, end))
        peak = float(np.average(wavelength[near], weights=positive[near]))
        yield Stretch(float(wavelength[start]), float(wavelength[end - 1]), peak, float(part.sum()) / total)


def _named(
    wavelength: Array,
    values: Array,
    class_name: str,
    redshift: float | None,
    without: Collection[str] = (),
    *,
    vacuum: bool,
) -> list[tuple[str, float]]:
    """Return (name, share) of what speaks most; two stretches of one line count together.

    without: lines that are not named, but given as a range.
    """
    shares: dict[str, float] = {}
    for stretch in stretches(wavelength, values):
        name = line_name(stretch, class_name, redshift, vacuum=vacuum)
        name = _range(stretch) if name is None or name in without else name
        shares[name] = shares.get(name, 0.0) + stretch.share
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    return [(name, share) for name, share in ranked if share >= _WORTH_NAMING][:_MOST_NAMED]


def ejecta_of(entry: TransientClass) -> Ejecta:
    """Return the velocity of the gas that makes a class's lines."""
    return CLASS_EJECTA.get(entry.name) or GROUP_EJECTA.get(entry.group, AT_REST)


def lines_of(entry: TransientClass) -> list[tuple[float, str]]:
    """Return (rest wavelength in Å, name) of the lines that stand out in spectra of a class."""
    hidden = set() if entry.group == "Ia" else set(_OF_IA_ALONE)
    if "H" in entry.lines and entry.group not in _NARROW_GROUPS:
        hidden.add(_BEHIND_H_ALPHA)
    return [
        (line, name) for line, name, element in line_list() if element in entry.lines and (name, line) not in hidden
    ]


def line_name(stretch: Stretch, class_name: str, redshift: float | None, *, vacuum: bool = False) -> str | None:
    """Return the line of a class that lies in a stretch, such as "Si II 6355".

    Only lines that the class shows (by the taxonomy) are named, and only where their gas would have a velocity that the
    class has. The line with the most usual velocity is taken.

    stretch: the wavelengths to name.
    class_name: the class that they speak for or against.
    redshift: redshift of the wavelengths, or None if unknown.
    vacuum: whether the wavelengths are in vacuum, and not in air. The name has the wavelength in air always.

    Returns None if no line fits, or without a redshift.
    """
    entry = load_taxonomy().find(class_name)
    if redshift is None or entry is None:
        return None
    ejecta = ejecta_of(entry)
    candidates = [
        (abs(velocity(stretch.peak, line, redshift, vacuum=vacuum) + ejecta.velocity), f"{name} {line:.0f}")
        for line, name in lines_of(entry)
    ]
    difference, name = min(candidates, default=(math.inf, ""))
    beside_late_line = entry.group == "stripped-envelope" and any(
        abs(velocity(stretch.peak, line, redshift, vacuum=vacuum)) < _LATE_REACH for line in _LATE_LINES
    )
    return name if difference <= ejecta.reach * (_USUAL_SHARE if beside_late_line else 1.0) else None


def _range(stretch: Stretch) -> str:
    first, last = (round(end, -1) for end in (stretch.first, stretch.last))
    return f"{first:.0f} Å" if first == last else f"{first:.0f}–{last:.0f} Å"


def _joined(named: list[tuple[str, float]]) -> str:
    parts = [f"{name} ({share:.0%})".replace("%", " %") for name, share in named]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
