"""Labelled spectra for training: read, and resampled once.

Some archives give spectra in the rest frame, with the redshift 0. If they were trained on as they are, the network
would learn that their classes lie at redshift 0. So each of their objects gets a redshift of its own, and its spectra
are moved there.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import math
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor
from tqdm import tqdm

from classifier.errors import SpectrumError
from classifier.preprocess import PreprocessConfig, resample_arrays
from classifier.taxonomy import load_taxonomy

# A spectrum that covers less of the optical range than this (Å) is not trained on.
NEED_ANGSTROM = 1500.0
_COLUMNS = ["object_id", "label", "redshift", "instrument", "date", "real", "raw_label", "frame", "wavelength", "flux"]


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledSpectra:
    """Resampled spectra with the archive's data about them.

    flux: (n, fine_samples) float32.
    covered: (n, fine_samples) bool, whether there is data.
    labels: (n,) index into the classes, or -1.
    redshift: (n,) NaN if unknown.
    object_ids: n names of objects.
    instruments: n names of instruments, or "unknown".
    days: (n,) time of the observation (MJD), NaN if unknown.
    real: (n,) bool, False for synthetic spectra.
    raw_labels: n types as the archive gives them.
    """

    flux: Tensor
    covered: Tensor
    labels: Tensor
    redshift: Tensor
    object_ids: tuple[str, ...]
    instruments: tuple[str, ...]
    days: Tensor
    real: Tensor
    raw_labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.object_ids)

    def to(self, device: torch.device) -> LabelledSpectra:
        """Return the spectra with flux, coverage, labels and redshift on a device."""
        moved = {name: getattr(self, name).to(device) for name in ("flux", "covered", "labels", "redshift")}
        return dataclasses.replace(self, **moved)

    def take(self, index: Tensor) -> LabelledSpectra:
        """Return the rows of ``index``, (m,) int64."""
        rows = index.tolist()
        return LabelledSpectra(
            self.flux[index],
            self.covered[index],
            self.labels[index],
            self.redshift[index],
            tuple(self.object_ids[i] for i in rows),
            tuple(self.instruments[i] for i in rows),
            self.days[index],
            self.real[index],
            tuple(self.raw_labels[i] for i in rows),
        )


def joined(first: LabelledSpectra, second: LabelledSpectra) -> LabelledSpectra:
    """Return the rows of both."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(LabelledSpectra):
        one, two = getattr(first, field.name), getattr(second, field.name)
        values[field.name] = torch.cat([one, two]) if isinstance(one, Tensor) else one + two
    return LabelledSpectra(**values)


def read_labelled(paths: Sequence[Path], classes: Sequence[str], config: PreprocessConfig) -> LabelledSpectra:
    """Read Parquet files of labelled spectra, without those that cover less than NEED_ANGSTROM of the optical range.

    One line on stderr says how many were left out, and why.

    paths: the files.
    classes: names of the classes, in the order of the labels.
    config: the grids to resample onto.
    """
    number = {name: i for i, name in enumerate(classes)}
    table = pa.concat_tables([pq.read_table(path, columns=_COLUMNS) for path in paths])
    strict = dataclasses.replace(config, need_optical_angstrom=NEED_ANGSTROM)
    redshifts = _redshifts(table)
    wavelengths, fluxes = table["wavelength"].combine_chunks(), table["flux"].combine_chunks()
    kept, flux, covered = [], [], []
    left_out = Counter[str]()
    for row in tqdm(range(table.num_rows), desc="resampling", unit="spectra", mininterval=2):
        arrays = _ascending(wavelengths[row].values.to_numpy(), fluxes[row].values.to_numpy())
        if arrays is None:
            left_out["unusable_samples"] += 1
            continue
        try:
            resampled = resample_arrays(arrays[0] * redshifts[row].stretch, arrays[1], strict)
        except SpectrumError as error:
            left_out[error.code] += 1
            continue
        kept.append(row)
        flux.append(resampled.flux)
        covered.append(resampled.covered)
    if left_out:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
        print(f"classifier: {left_out.total()} of {table.num_rows} spectra were left out: {reasons}", file=sys.stderr)
    columns = {name: table[name].take(kept).to_pylist() for name in _COLUMNS[:7]}
    return LabelledSpectra(
        torch.from_numpy(np.stack(flux)),
        torch.from_numpy(np.stack(covered)),
        torch.tensor([number.get(label, -1) for label in columns["label"]]),
        torch.tensor([redshifts[row].value for row in kept], dtype=torch.float64),
        tuple(columns["object_id"]),
        tuple(instrument or "unknown" for instrument in columns["instrument"]),
        torch.tensor([_modified_julian_day(date) for date in columns["date"]], dtype=torch.float64),
        torch.tensor(columns["real"]),
        tuple(raw or "" for raw in columns["raw_label"]),
    )


def read_object_ids(paths: Sequence[Path]) -> set[str]:
    """Return the object ids in Parquet files of labelled spectra."""
    return {name for path in paths for name in pq.read_table(path, columns=["object_id"])["object_id"].to_pylist()}


class _Redshift(NamedTuple):
    """Redshift to train with (NaN if unknown), and the factor that moves the row's wavelengths there."""

    value: float
    stretch: float


def _redshifts(table: pa.Table) -> list[_Redshift]:
    taxonomy = load_taxonomy()
    galactic = {entry.name for entry in taxonomy.classes if entry.group == "Galactic"}
    columns = (table[name].to_pylist() for name in ("object_id", "label", "redshift", "frame"))
    found = []
    for object_id, label, redshift, frame in zip(*columns, strict=True):
        if frame == "rest" and label not in galactic:
            own = own_redshift(object_id)
            found.append(_Redshift(own, 1 + own))
        else:
            found.append(_Redshift(math.nan if redshift is None else redshift, 1.0))
    return found


def own_redshift(object_id: str) -> float:
    """Return the redshift that an object with rest-frame spectra is trained at, always the same one.

    It is 0.003 + 0.12 u², with u evenly distributed over 0..1 by a hash of the object's name.
    """
    u = int.from_bytes(hashlib.sha256(object_id.encode()).digest()[:8], "big") / 2**64
    return 0.003 + 0.12 * u**2


def _modified_julian_day(date: str | None) -> float:
    try:
        return float((datetime.date.fromisoformat((date or "")[:10]) - datetime.date(1858, 11, 17)).days)
    except ValueError:
        return math.nan


def _ascending(wavelength: np.ndarray, flux: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    wavelength, unique = np.unique(wavelength.astype(np.float64), return_index=True)
    flux = flux.astype(np.float64)[unique]
    usable = wavelength.size >= 10 and np.isfinite(flux).all() and np.ptp(flux) > 0
    return (wavelength, flux) if usable else None


def sampling_weights(data: LabelledSpectra, *, object_power: float, class_power: float) -> Tensor:
    """Return weights (n,) for drawing rows, on the CPU.

    object_power: an object with m spectra counts m^(1 - object_power) times.
    class_power: a class of weight N counts N^(1 - class_power) times. 0 leaves the archive's mix, 1 makes all classes
        equal.
    """
    spectra_of = Counter(data.object_ids)
    weights = torch.tensor([spectra_of[o] ** -object_power for o in data.object_ids], dtype=torch.float64)
    labels = data.labels.cpu()
    for label in set(labels.tolist()):
        rows = labels == label
        weights[rows] *= weights[rows].sum() ** -class_power
    return weights / weights.sum()
