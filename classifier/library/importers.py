"""Named spectra from the formats that other classifiers keep theirs in."""

from __future__ import annotations

import functools
import io
import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from classifier.errors import SpectrumError
from classifier.flattening import Floats, flatten
from classifier.library.banks import from_ngsf, from_superfit
from classifier.library.library import GRID, Library, LibraryObject
from classifier.library.named import Named, class_of, each_row, read_named
from classifier.names import name_key
from classifier.readers.lnw import parse_lnw
from classifier.resampling import Resampled, resample_arrays
from classifier.taxonomy import Taxonomy
from classifier.training.public_archives import Summary

# Ages at or below this one stand for an unknown age.
_UNKNOWN_AGE = -90.0
_TABLE = "library.csv"


def import_library(paths: list[Path], taxonomy: Taxonomy) -> tuple[Library, Summary]:
    """Read all named spectra under some paths.

    paths: folders of SNID templates (.lnw), SNID-SAGE's library (its HDF5 files, or the wheel that carries them), banks
        of NGSF and Superfit, and folders with a table ``library.csv`` whose columns are file, name, type, phase and
        redshift.

    Returns the library, and the number of spectra by source and of refusals by code. Objects that share a name are one.
    """
    summary = Summary()
    owners: dict[str, int] = {}
    objects: list[LibraryObject] = []
    rows: list[tuple[int, float, Resampled]] = []
    refusal = SpectrumError("no_spectrum", "no named spectrum was found there")
    for found in tqdm(_every(paths, taxonomy), desc="importing", unit="spectra", mininterval=2):
        try:
            if isinstance(found, SpectrumError):
                raise found
            resampled = resample_arrays(found.wavelength, found.flux, GRID)
        except SpectrumError as error:
            summary.refused[error.code] += 1
            refusal = error
            continue
        key = name_key(found.entry.name)
        if key not in owners:
            owners[key] = len(objects)
            objects.append(found.entry)
        rows.append((owners[key], found.phase, resampled))
        summary.written[found.entry.source] += 1
    if not rows:
        raise refusal
    flux, weight, contrast = _flattened([row[2] for row in rows])
    owner = np.array([row[0] for row in rows], dtype=np.int64)
    phase = np.array([row[1] for row in rows], dtype=np.float32)
    return Library(flux, weight, contrast, owner, phase, tuple(objects)), summary


def _flattened(rows: list[Resampled]) -> tuple[Floats, Floats, Floats]:
    """Flatten resampled spectra, a few hundred at a time: flux, weight and contrast as in a Library."""
    parts = []
    for start in range(0, len(rows), 500):
        some = rows[start : start + 500]
        flux, covered = np.stack([row.flux for row in some]), np.stack([row.covered for row in some])
        parts.append(flatten(flux, covered, np.zeros(len(some)), GRID))
    return (
        np.concatenate([part.flux for part in parts]),
        np.concatenate([part.weight for part in parts]),
        np.concatenate([part.contrast for part in parts]),
    )


def _every(paths: list[Path], taxonomy: Taxonomy) -> Iterator[Named | SpectrumError]:
    for path in paths:
        if path.is_dir() and (path / _TABLE).is_file():
            yield from each_row(path / _TABLE, functools.partial(_from_row, path, taxonomy))
        elif path.is_dir():
            for file in sorted(path.rglob("*.lnw")):
                yield from _from_lnw(file, taxonomy)
            for file in sorted(path.rglob("*.hdf5")):
                yield from _from_sage(file.read_bytes(), file.name, taxonomy)
            yield from from_ngsf(path, taxonomy)
            yield from from_superfit(path, taxonomy)
        elif path.suffix == ".lnw":
            yield from _from_lnw(path, taxonomy)
        elif path.suffix == ".hdf5":
            yield from _from_sage(path.read_bytes(), path.name, taxonomy)
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in sorted(name for name in archive.namelist() if name.endswith(".hdf5")):
                    yield from _from_sage(archive.read(name), name, taxonomy)
        else:
            yield SpectrumError("unknown_type", f"{path.name} is no library of spectra")


def _from_lnw(path: Path, taxonomy: Taxonomy) -> Iterator[Named | SpectrumError]:
    """Read a SNID template with its continua."""
    try:
        template = parse_lnw(path.read_bytes())
    except SpectrumError as error:
        yield error
        return
    entry = LibraryObject(template.name, template.type, class_of(template.type, taxonomy), "SNID templates")
    for epoch, age in enumerate(template.ages):
        flux = template.flux(epoch)
        known = np.isfinite(flux)
        phase = float(age) if template.since_maximum and age > _UNKNOWN_AGE else math.nan
        yield Named(entry, template.wavelength[known], flux[known], phase)


def _from_sage(content: bytes, name: str, taxonomy: Taxonomy) -> Iterator[Named | SpectrumError]:
    """Read one HDF5 file of SNID-SAGE's library, whose spectra are flux over continuum, less 1."""
    try:
        import h5py
    except ImportError:
        yield SpectrumError("no_h5py", f"{name} is an HDF5 file: install h5py to read it (pip install h5py)")
        return
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            yield from _templates(file, taxonomy)
    except (OSError, KeyError, ValueError) as error:
        yield SpectrumError("bad_hdf5", f"{name} is no file of SNID-SAGE's library, or damaged: {error}")


def _templates(file: Any, taxonomy: Taxonomy) -> Iterator[Named | SpectrumError]:
    """Read the spectra of an open HDF5 file. Raises OSError, KeyError or ValueError if it is damaged."""
    wavelength = np.asarray(file["metadata/standard_wavelength"], dtype=np.float64)
    for key, group in file["templates"].items():
        kind = str(group.attrs.get("subtype") or group.attrs.get("type") or "")
        entry = LibraryObject(key, kind, class_of(kind, taxonomy), "SNID-SAGE 0.8.0", "MIT")
        epochs = list(group["epochs"].values()) if "epochs" in group else [group]
        ages = [float(epoch.attrs.get("age", math.nan)) for epoch in epochs]
        # SNID counts from the first spectrum where the maximum is unknown, and these files do not say where it did.
        since_maximum = min(ages) != 0
        for age, epoch in zip(ages, epochs, strict=True):
            flattened = np.asarray(epoch["flux"], dtype=np.float64)
            known = np.flatnonzero(flattened)
            if known.size < 2:
                yield SpectrumError("no_spectrum", f"a spectrum of {key} is empty")
                continue
            covered = slice(known[0], known[-1] + 1)
            phase = age if since_maximum and age > _UNKNOWN_AGE else math.nan
            yield Named(entry, wavelength[covered], 1 + flattened[covered], phase)


def _from_row(folder: Path, taxonomy: Taxonomy, row: Mapping[str, str]) -> Named:
    """Read the spectrum that a row of a table names, with object, type, phase and redshift."""
    kind = row["type"].strip()
    entry = LibraryObject(row["name"].strip(), kind, class_of(kind, taxonomy), folder.name, row.get("licence") or "")
    return read_named(folder, row["file"], entry, float(row.get("redshift") or "nan"), float(row.get("phase") or "nan"))
