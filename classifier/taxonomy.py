"""Taxonomy: class names, their groups, and their names at other services, read from one versioned file.

A survey adds a class by pointing ``CLASSIFIER_TAXONOMY`` at its own copy of ``taxonomy.json``. A class that no
checkpoint was trained on (``"trained": false``) can be given by people only.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).with_name("taxonomy.json")


@dataclasses.dataclass(frozen=True)
class TransientClass:
    """One class.

    name: its name.
    group: its group.
    trained: whether a network may predict it.
    skyportal: its name in SkyPortal's taxonomy, or None.
    tns: its object type id at the TNS, or None.
    aliases: other names under which it is found.
    train_as: for a class that people alone give, the trained class as which archive spectra count; None if there is
        none.
    compare_as: class that it is merged with for comparisons with classifiers of fewer classes, or None.
    rarity: 0..1, how rare it is among classified transients, or None if unknown. In the shipped file it follows the
        logarithm of the number of objects in the archives, from SN Ia (0) to SLSN-II (1).
    lines: elements whose lines its spectra show (see classifier.lines).
    """

    name: str
    group: str
    trained: bool
    skyportal: str | None
    tns: int | None
    aliases: tuple[str, ...] = ()
    train_as: str | None = None
    compare_as: str | None = None
    rarity: float | None = None
    lines: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Taxonomy:
    """Ordered classes. The order of the trained ones is the order of a network's outputs."""

    version: str
    groups: tuple[str, ...]
    classes: tuple[TransientClass, ...]

    def __post_init__(self) -> None:
        names = [entry.name for entry in self.classes]
        if len(set(names)) != len(names):
            raise ValueError("a class name stands twice in the taxonomy")
        unknown = {entry.group for entry in self.classes} - set(self.groups)
        if unknown:
            raise ValueError(f"classes name groups that are not listed: {sorted(unknown)}")
        pointed = {name for entry in self.classes for name in (entry.train_as, entry.compare_as) if name}
        if astray := pointed - set(self.trained):
            raise ValueError(f"classes are to be trained or compared as what is not trained: {sorted(astray)}")

    @property
    def trained(self) -> tuple[str, ...]:
        """Return the names that a network may predict, in order."""
        return tuple(entry.name for entry in self.classes if entry.trained)

    @property
    def names(self) -> tuple[str, ...]:
        """Return all names that a reviewer may give, in order."""
        return tuple(entry.name for entry in self.classes)

    def trained_on(self, names: Collection[str]) -> Taxonomy:
        """Return the taxonomy of a network that is trained on some of the trained classes alone."""
        kept = set(names)
        classes = tuple(
            dataclasses.replace(
                entry,
                trained=entry.name in kept,
                train_as=entry.train_as if entry.train_as in kept else None,
                compare_as=entry.compare_as if entry.compare_as in kept else None,
            )
            for entry in self.classes
        )
        return dataclasses.replace(self, classes=classes)

    def __getitem__(self, name: str) -> TransientClass:
        for entry in self.classes:
            if entry.name == name:
                return entry
        raise KeyError(name)

    def find(self, text: str) -> TransientClass | None:
        """Return the class whose name or alias is ``text``, in upper or lower case, or None."""
        wanted = text.strip().casefold()
        for entry in self.classes:
            if wanted in {entry.name.casefold(), *(alias.casefold() for alias in entry.aliases)}:
                return entry
        return None

    def group_probabilities(self, probabilities: Mapping[str, float]) -> dict[str, float]:
        """Return the summed probability of each group that has a class in the mapping."""
        totals: dict[str, float] = {}
        for name, probability in probabilities.items():
            group = self[name].group
            totals[group] = totals.get(group, 0.0) + probability
        return {group: totals[group] for group in self.groups if group in totals}

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def taxonomy_from_dict(content: Mapping[str, Any]) -> Taxonomy:
    """Return the taxonomy that ``Taxonomy.to_dict`` wrote. Raises ValueError if it contradicts itself."""
    tuples = ("aliases", "lines")
    classes = tuple(
        TransientClass(**{**entry, **{name: tuple(entry.get(name, ())) for name in tuples}})
        for entry in content["classes"]
    )
    return Taxonomy(content["version"], tuple(content["groups"]), classes)


def read_taxonomy(path: Path) -> Taxonomy:
    """Read a taxonomy file. Raises ValueError if it contradicts itself."""
    return taxonomy_from_dict(json.loads(path.read_text(encoding="utf-8")))


@functools.cache
def load_taxonomy() -> Taxonomy:
    """Return the taxonomy in use: that of ``CLASSIFIER_TAXONOMY`` if it is set, else the shipped one."""
    return read_taxonomy(Path(os.environ.get("CLASSIFIER_TAXONOMY") or SHIPPED))
