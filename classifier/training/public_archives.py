"""Public archives of transients as one file to train on: the Open Supernova Catalog, WISeREP and SNID's templates.

Each layout is recognised by its files. Spectra go through the same readers as an astronomer's own. One row of the
Parquet file, which ``classifier.training.dataset`` reads, is one spectrum.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from classifier.errors import SpectrumError
from classifier.input_files import find_files
from classifier.names import name_key
from classifier.readers import Corrections, Folder, Reading, read_spectra
from classifier.readers.lnw import parse_lnw
from classifier.readers.metadata_tables import is_metadata_table
from classifier.taxonomy import Taxonomy

# Additions that archives write around a type without changing it.
_DECORATION = re.compile(r"^(computed|sn)[-\s]+|([-\s]*(pec(uliar)?|like|norm(al)?|\(.*\)|\[.*\]|\*))+$", re.I)
# Types that say less than a class: "Ib/c" is two, "II?" a guess.
_UNSURE = re.compile(r"[?/]|^candidate$", re.I)
_ROWS_A_GROUP = 500

_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("object_id", pa.string()),
        ("object", pa.string()),
        ("raw_label", pa.string()),
        ("label", pa.string()),
        ("redshift", pa.float64()),
        ("date", pa.string()),
        ("instrument", pa.string()),
        ("filename", pa.string()),
        ("wavelength", pa.list_(pa.float32())),
        ("flux", pa.list_(pa.float32())),
        ("frame", pa.string()),
        ("real", pa.bool_()),
    ]
)


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """One spectrum of an archive.

    names: all names that the archive gives its object, the usual one first.
    redshift: redshift from the archive, or None.
    """

    source: str
    names: tuple[str, ...]
    raw_label: str
    redshift: float | None
    filename: str
    reading: Reading


@dataclasses.dataclass
class Summary:
    """Result of an import: number of spectra by label or source (None for a type without a class), refusals by code."""

    written: Counter[str | None] = dataclasses.field(default_factory=Counter)
    refused: Counter[str] = dataclasses.field(default_factory=Counter)

    def text(self) -> str:
        """Return one line for each label, then one for each reason of refusal."""
        lines = [f"{label or 'without a class':20} {count:7}" for label, count in self.written.most_common()]
        lines += [f"refused, {code:11} {count:7}" for code, count in self.refused.most_common()]
        return "\n".join(lines)


def label_of(raw_label: str, taxonomy: Taxonomy) -> str | None:
    """Return the class to train an archive's type as, or None if the type is unsure or has no class."""
    text = raw_label.strip()
    if _UNSURE.search(text):
        return None
    bare = _DECORATION.sub("", text).strip()
    for spelling in (text, bare, f"SN {bare}"):
        entry = taxonomy.find(spelling) if spelling else None
        if entry is not None:
            return entry.name if entry.trained else entry.train_as
    return None


def import_archives(paths: list[Path], out: Path, taxonomy: Taxonomy) -> Summary:
    """Write every spectrum under ``paths`` to the Parquet file ``out``; it appears only when all are in it.

    Objects that share a name, in one archive or in two, get one ``object_id``: a split by it keeps them together.
    """
    summary, groups = Summary(), _SameObject()
    partial = out.with_name(out.name + ".partial")
    with pq.ParquetWriter(partial, _SCHEMA, compression="zstd") as writer:
        rows: list[dict[str, Any]] = []
        for found in _every_spectrum(paths, summary):
            groups.add(found.names)
            row = _row(found, taxonomy)
            summary.written[row["label"]] += 1
            rows.append(row)
            if len(rows) == _ROWS_A_GROUP:
                writer.write_table(pa.Table.from_pylist(rows, _SCHEMA))
                rows = []
        writer.write_table(pa.Table.from_pylist(rows, _SCHEMA))
    _settle_objects(partial, out, groups)
    return summary


def _settle_objects(partial: Path, out: Path, groups: _SameObject) -> None:
    """Copy the file with the final object ids. Only the last spectrum shows which names belong to one object."""
    source = pq.ParquetFile(partial)
    try:
        with pq.ParquetWriter(partial.with_suffix(".settled"), _SCHEMA, compression="zstd") as writer:
            for batch in source.iter_batches(_ROWS_A_GROUP):
                ids = pa.array([groups.of(name) for name in batch.column("object_id").to_pylist()])
                columns = {**{name: batch.column(name) for name in _SCHEMA.names}, "object_id": ids}
                writer.write_batch(pa.record_batch(columns, schema=_SCHEMA))
    finally:
        source.close()
    partial.with_suffix(".settled").replace(out)
    partial.unlink()


def _row(found: Found, taxonomy: Taxonomy) -> dict[str, Any]:
    spectrum = found.reading.spectrum
    scale = float(np.median(np.abs(spectrum.flux))) or 1.0
    return {
        "source": found.source,
        "object_id": name_key(found.names[0]),
        "object": found.names[0],
        "raw_label": found.raw_label,
        "label": label_of(found.raw_label, taxonomy),
        "redshift": math.nan if found.redshift is None else found.redshift,
        "date": spectrum.observed_at.date().isoformat() if spectrum.observed_at else None,
        "instrument": spectrum.instrument,
        "filename": found.filename,
        "wavelength": spectrum.wavelength.astype(np.float32),
        "flux": (spectrum.flux / scale).astype(np.float32),
        "frame": spectrum.frame,
        "real": True,
    }


class _SameObject:
    """Names of the same object. The name that comes first in the alphabet stands for all."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def add(self, names: tuple[str, ...]) -> None:
        first, *others = (self.of(name_key(name)) for name in names)
        for other in others:
            low, high = sorted((self.of(first), self.of(other)))
            self._parent[high] = low

    def of(self, name: str) -> str:
        while (parent := self._parent.get(name, name)) != name:
            name = parent
        return name


def _every_spectrum(paths: list[Path], summary: Summary) -> Iterator[Found]:
    tables = Folder()
    files = [path for path, _ in find_files(paths)]
    for path in tqdm(files, desc="reading", unit="files", mininterval=2):
        try:
            for found in _of_file(path, tables):
                if isinstance(found, Found):
                    yield found
                else:
                    summary.refused[found.code] += 1
        except SpectrumError as error:
            summary.refused[error.code] += 1
        except OSError:
            summary.refused["unreadable_file"] += 1


def _of_file(path: Path, tables: Folder) -> Iterator[Found | SpectrumError]:
    """Yield each spectrum of a file, or why one of several cannot be read. Raises SpectrumError if none can."""
    if path.suffix.lower() == ".lnw":
        yield from _snid(path)
    elif (said := tables.of(path)).get("OBJ. TYPE") or said.get("OBJECT TYPE") or said.get("TYPE"):
        yield from _wiserep(path, said)
    elif path.suffix.lower() == ".json":
        yield from _open_supernova_catalog(path)
    elif not _is_table(path):
        raise SpectrumError("unknown_type", "no table beside the file says what the object is")


def _is_table(path: Path) -> bool:
    with path.open("rb") as file:
        return is_metadata_table(file.read(4096))


def _snid(path: Path) -> Iterator[Found | SpectrumError]:
    """Read a SNID template as the spectra it was made of, with their continua."""
    template = parse_lnw(path.read_bytes())
    for epoch, age in enumerate(template.ages):
        flux = template.flux(epoch)
        known = np.isfinite(flux)
        rows = zip(template.wavelength[known], flux[known], strict=True)
        text = "\n".join(f"{wavelength:.2f} {value:.6g}" for wavelength, value in rows)
        try:
            reading = _from_text(text, f"{path.stem}.txt", {"OBJECT": template.name}, Corrections(frame="rest"))
        except SpectrumError as error:
            yield error
        else:
            # A template is at rest; what redshift it came from is not in the file.
            yield Found("snid", (template.name,), template.type, None, f"{path.name}#{age:+.1f}", reading)


def _from_text(rows: str, name: str, said: Mapping[str, str], corrections: Corrections | None) -> Reading:
    """Read rows of numbers as the text file that they once were."""
    return read_spectra(rows.encode(), name, corrections, said)[0]


def _wiserep(path: Path, said: Mapping[str, str]) -> Iterator[Found]:
    """Read a file of a WISeREP download, with the row of the table that names it."""
    names = tuple(said[key] for key in ("OBJECT", "OBJ. NAME", "OBJ NAME", "INTERNAL NAME/S") if said.get(key))
    raw = said.get("OBJ. TYPE") or said.get("OBJECT TYPE") or said["TYPE"]
    for reading in read_spectra(path, path.name, beside=said):
        own = reading.spectrum.object_name or path.stem
        redshift = _number(said.get("REDSHIFT"))
        yield Found("wiserep", names or (own,), raw, redshift, _filename(path, reading), reading)


def _filename(path: Path, reading: Reading) -> str:
    part = reading.receipt["part"]
    return f"{path.name}, {part}" if part else path.name


def _open_supernova_catalog(path: Path) -> Iterator[Found | SpectrumError]:
    """Read a file of the catalogue: objects by name, each with "spectra", "claimedtype", "redshift" and "alias"."""
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SpectrumError("bad_json", f"damaged JSON: {error}"[:300]) from error
    entries = content.items() if isinstance(content, dict) else ()
    objects = [(name, entry) for name, entry in entries if isinstance(entry, dict) and "spectra" in entry]
    if not objects:
        raise SpectrumError("no_spectrum", "no object of the file has spectra")
    for name, entry in objects:
        names = (name, *(str(alias) for alias in _values(entry, "alias") if str(alias) != name))
        raw = str(next(iter(_values(entry, "claimedtype")), ""))
        redshift = _number(next(iter(_values(entry, "redshift")), None))
        for number, record in enumerate(entry["spectra"]):
            filename = str(record.get("filename") or f"{name}, spectrum {number}")
            try:
                yield Found("osc", names, raw, redshift, filename, _catalogue_spectrum(name, record))
            except SpectrumError as error:
                yield error


def _catalogue_spectrum(name: str, record: Mapping[str, Any]) -> Reading:
    """Read one entry of "spectra" as the text file it once was."""
    rows = record.get("data")
    if not rows or not isinstance(rows, list) or not all(isinstance(row, list) and len(row) >= 2 for row in rows):
        raise SpectrumError("no_spectrum", f"an entry of {name} has no rows of numbers")
    text = "\n".join(" ".join(map(str, row[:3])) for row in rows)
    said = {"OBJECT": name}
    for key, ours in (("instrument", "INSTRUMENT"), ("u_wavelengths", "WL UNITS"), ("u_fluxes", "SPEC. UNITS")):
        if record.get(key):
            said[ours] = str(record[key])
    if str(record.get("u_time", "")).upper() == "MJD" and _number(record.get("time")) is not None:
        said["MJD"] = str(record["time"])
    corrections = Corrections(frame="rest") if record.get("deredshifted") else None
    return _from_text(text, f"{name}.txt", said, corrections)


def _values(entry: Mapping[str, Any], key: str) -> list[Any]:
    """Return the values of a quantity of the catalogue, which is a list of {"value": …, "source": …}."""
    found = entry.get(key) or []
    return [item["value"] for item in found if isinstance(item, dict) and "value" in item]


def _number(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
