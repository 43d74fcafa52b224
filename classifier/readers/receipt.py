"""The ingest receipt: what was detected in a file, from what evidence, and what was left out."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

import numpy as np

from classifier.errors import SpectrumError
from classifier.spectrum import FluxKind, Frame, Medium, Spectrum

WavelengthUnit = Literal["angstrom", "nm", "um", "m", "log10_angstrom", "ln_angstrom"]
ThirdColumn = Literal["error", "variance", "ivar", "ignore"]

CHOICES: dict[str, tuple[str, ...]] = {
    "wavelength_unit": ("angstrom", "nm", "um", "m", "log10_angstrom", "ln_angstrom"),
    "flux_kind": ("flam", "fnu", "abmag", "counts", "normalised", "flattened", "unknown"),
    "third_column": ("error", "variance", "ivar", "ignore"),
    "frame": ("observed", "rest"),
    "medium": ("air", "vacuum"),
}


@dataclasses.dataclass(frozen=True)
class Corrections:
    """What a user states instead of the reader's guess; None leaves the guess. Columns count from 0.

    target: which object of a file that holds many, by the id the file gives it.
    Raises SpectrumError("bad_correction") for a value that is not among CHOICES or a negative column.
    """

    wavelength_unit: WavelengthUnit | None = None
    flux_kind: FluxKind | None = None
    wavelength_column: int | None = None
    flux_column: int | None = None
    third_column: ThirdColumn | None = None
    frame: Frame | None = None
    medium: Medium | None = None
    target: str | None = None

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise SpectrumError("bad_correction", f"{name} must be one of {', '.join(allowed)}, not “{value}”")
        for name in ("wavelength_column", "flux_column"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
                raise SpectrumError("bad_correction", f"{name} must be a column number from 0")
        if self.target is not None and not isinstance(self.target, str):
            raise SpectrumError("bad_correction", "target must be a text")

    def given(self) -> dict[str, Any]:
        """The corrections that are made, by name."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


@dataclasses.dataclass
class Receipt:
    """Filled by a reader as it goes; ``to_dict`` gives the JSON-able record.

    part: which spectrum of its file this is, where there are several ("epoch +3.2", a target, a file of an archive).
    member: the file of the archive that it comes from, None where the file is no archive.
    beside: what a table of metadata beside the file says of it, keys in upper case.
    """

    name: str
    part: str | None = None
    member: str | None = None
    format: str = "unknown"
    compression: str | None = None
    rows_read: int = 0
    rows_used: int = 0
    wavelength_range: tuple[float, float] | None = None
    median_step: float | None = None
    frame: Frame | None = None
    medium: Medium | None = None
    flux_kind: FluxKind | None = None
    guesses: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    dropped: dict[str, int] = dataclasses.field(default_factory=dict)
    warnings: list[dict[str, str]] = dataclasses.field(default_factory=list)
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict)
    corrections: dict[str, Any] = dataclasses.field(default_factory=dict)
    beside: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """What the spectrum is called, the nearest name first: its part, its file in the archive, the file."""
        return tuple(name for name in (self.part, self.member, self.name) if name)

    def of_part(self, part: str) -> Receipt:
        """A receipt of its own for one spectrum of the file, with what is known so far."""
        return dataclasses.replace(
            self,
            part=part,
            guesses=list(self.guesses),
            dropped=dict(self.dropped),
            warnings=list(self.warnings),
        )

    def guess(self, what: str, value: Any, evidence: str, confidence: float) -> None:
        """Record what was taken to be so, and why; confidence 0..1."""
        self.guesses.append({"what": what, "value": value, "evidence": evidence, "confidence": confidence})

    def drop(self, reason: str, count: int) -> None:
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + int(count)

    def warn(self, code: str, message: str) -> None:
        self.warnings.append({"code": code, "message": message})

    def describe(self, spectrum: Spectrum) -> None:
        """Fill in what the finished spectrum shows."""
        first, last = spectrum.wavelength_range
        self.rows_used = int(spectrum.wavelength.size)
        self.wavelength_range = (round(first, 3), round(last, 3))
        self.frame, self.medium, self.flux_kind = spectrum.frame, spectrum.medium, spectrum.flux_kind
        self.median_step = round(float(np.median(np.diff(spectrum.wavelength))), 4)
        observed = spectrum.observed_at
        self.metadata = {
            "object": spectrum.object_name,
            "observed_at": None if observed is None else observed.isoformat().replace("+00:00", "Z"),
            "exposure_s": spectrum.exposure_s,
            "telescope": spectrum.telescope,
            "instrument": spectrum.instrument,
            "redshift": spectrum.redshift,
        }

    def to_dict(self) -> dict[str, Any]:
        content = dataclasses.asdict(self)
        content["wavelength_range"] = list(self.wavelength_range) if self.wavelength_range else None
        cleaned: dict[str, Any] = _storable(content)
        return cleaned


def printable(text: str) -> str:
    """A text without the control characters and half surrogates that databases and terminals refuse."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "�" for c in text)


def _storable(value: Any) -> Any:
    """The same value as JSON and a database take it: printable texts, and None for what is not finite."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {printable(str(key)): _storable(entry) for key, entry in value.items()}
    return [_storable(entry) for entry in value] if isinstance(value, list | tuple) else value


Part = tuple[Spectrum, Receipt]
"""One spectrum of a file and the receipt of its reading."""


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """A spectrum, the receipt of how it was read, and further epochs or objects of the same file."""

    spectrum: Spectrum
    receipt: dict[str, Any]
    others: tuple[Reading, ...] = ()
