"""Receipt of a reading: what the reader found in a file, on what evidence, and what it left out.

Also the corrections that a user may state instead of the reader's guesses.
"""

from __future__ import annotations

import dataclasses
import math
import posixpath
from typing import Any, Literal

import numpy as np

from classifier.errors import SpectrumError
from classifier.spectrum import FluxKind, Frame, Medium, Spectrum

WavelengthUnit = Literal["angstrom", "nm", "um", "m", "log10_angstrom", "ln_angstrom"]
ThirdColumn = Literal["error", "variance", "ivar", "ignore"]

# Smallest and largest share of host light that can be taken off.
LEAST_TAKEN, MOST_TAKEN = 0.01, 0.95

CHOICES: dict[str, tuple[str, ...]] = {
    "wavelength_unit": ("angstrom", "nm", "um", "m", "log10_angstrom", "ln_angstrom"),
    "flux_kind": ("flam", "fnu", "abmag", "counts", "normalised", "flattened", "unknown"),
    "third_column": ("error", "variance", "ivar", "ignore"),
    "frame": ("observed", "rest"),
    "medium": ("air", "vacuum"),
}


@dataclasses.dataclass(frozen=True)
class Corrections:
    """Statements of a user that replace the reader's guesses; None leaves a guess as it is.

    wavelength_unit: unit of the wavelengths.
    flux_kind: what the flux column holds.
    wavelength_column: number of the wavelength column, counted from 0.
    flux_column: number of the flux column, counted from 0.
    third_column: what the third column holds.
    frame: frame of the wavelengths.
    medium: medium in which the wavelengths were measured.
    target: object to read from a file of many, by the id that the file gives it.
    host_light: share of the light that is the host galaxy's (see classifier.host_spectrum) and is taken off.
    host_redshift: redshift of that galaxy; a spectrum in the rest frame needs none.

    Raises SpectrumError ("bad_correction") for a value that is not among CHOICES or a negative column.
    """

    wavelength_unit: WavelengthUnit | None = None
    flux_kind: FluxKind | None = None
    wavelength_column: int | None = None
    flux_column: int | None = None
    third_column: ThirdColumn | None = None
    frame: Frame | None = None
    medium: Medium | None = None
    target: str | None = None
    host_light: float | None = None
    host_redshift: float | None = None

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise SpectrumError("bad_correction", f"{name} must be one of {', '.join(allowed)}, not “{value}”")
        for name in ("wavelength_column", "flux_column"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
                raise SpectrumError("bad_correction", f"{name} must be a column number, counted from 0")
        if self.target is not None and not isinstance(self.target, str):
            raise SpectrumError("bad_correction", "target must be text")
        if self.host_light is not None and not LEAST_TAKEN <= self.host_light <= MOST_TAKEN:
            raise SpectrumError("bad_correction", f"host_light must lie between {LEAST_TAKEN:g} and {MOST_TAKEN:g}")

    def given(self) -> dict[str, Any]:
        """Return the corrections that are not None, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclasses.dataclass
class Receipt:
    """Record of how one spectrum was read. The reader fills it in as it goes; ``to_dict`` turns it into JSON.

    name: name of the file.
    part: label of this spectrum in a file of several ("epoch +3.2 d", a target, a member of an archive), else None.
    member: path of the archive's file that holds it, or None if the file is not an archive.
    format: format that was recognised.
    compression: "gzip", "zip" or None.
    rows_read: samples in the file.
    rows_used: samples in the spectrum.
    wavelength_range: first and last wavelength, Å.
    median_step: median step between wavelengths, Å.
    frame, medium, flux_kind: those of the spectrum.
    guesses: what was taken to be so, with evidence and confidence.
    dropped: number of samples left out, by reason.
    warnings: codes and messages.
    metadata: object, date, instrument and redshift that the file states.
    corrections: what the user stated instead of guesses.
    beside: the file's row in a table of metadata that lies beside it, keys in upper case.
    host_light: share of the light that was taken off as the host galaxy's, or None.
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
    host_light: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the spectrum, the closest one first: its part, its archive member, its file."""
        member = posixpath.basename(self.member or "")
        return tuple(name for name in (self.part, member, self.name) if name)

    def for_part(self, part: str) -> Receipt:
        """Return a separate receipt for one spectrum of the file, with everything recorded so far.

        part: label of the spectrum.
        """
        return dataclasses.replace(
            self,
            part=part,
            guesses=list(self.guesses),
            dropped=dict(self.dropped),
            warnings=list(self.warnings),
        )

    def guess(self, what: str, value: Any, evidence: str, confidence: float) -> None:
        """Record a guess.

        what: name of the guess, that of the correction if there is one.
        value: what was taken to be so.
        evidence: why, for people.
        confidence: 0 to 1.
        """
        self.guesses.append({"what": what, "value": value, "evidence": evidence, "confidence": confidence})

    def drop(self, reason: str, count: int) -> None:
        """Count samples that are left out for a reason."""
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + int(count)

    def warn(self, code: str, message: str) -> None:
        self.warnings.append({"code": code, "message": message})

    def describe(self, spectrum: Spectrum) -> None:
        """Fill in the fields that follow from the finished spectrum."""
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
            "observer": spectrum.observer,
            "reducer": spectrum.reducer,
            "redshift": spectrum.redshift,
            "ra": spectrum.ra,
            "dec": spectrum.dec,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the receipt as JSON takes it."""
        content: dict[str, Any] = _storable(vars(self))
        return content


def printable(text: str) -> str:
    """Replace control characters and lone surrogates, which databases and terminals refuse."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "�" for c in text)


def _storable(value: Any) -> Any:
    """Return a value that JSON and a database accept: printable text, and None for numbers that are not finite."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {printable(str(key)): _storable(entry) for key, entry in value.items()}
    return [_storable(entry) for entry in value] if isinstance(value, list | tuple) else value


Part = tuple[Spectrum, Receipt]
"""One spectrum of a file, and its receipt."""


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """One spectrum of a file, as the readers return it.

    spectrum: the spectrum.
    receipt: how it was read, JSON-able.
    others: further epochs, targets or members of the same file; only filled by ``read_spectrum``.
    """

    spectrum: Spectrum
    receipt: dict[str, Any]
    others: tuple[Reading, ...] = ()
