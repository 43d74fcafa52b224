"""The labelled spectra for training: read, resampled once, and split by object."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor
from tqdm import tqdm

from classifier.errors import SpectrumError
from classifier.preprocess import PreprocessConfig, resample_arrays

Part = Literal["train", "stop", "calibrate", "test"]

# Of every twenty objects of a class, in the order of a hash of their names: two stop the training early, two
# calibrate, two test, the rest train. The held-out ones come first, so that a class of five objects has each.
_PARTS: tuple[Part, ...] = tuple(
    {1: "test", 3: "stop", 5: "calibrate", 11: "test", 13: "stop", 15: "calibrate"}.get(i, "train")  # type: ignore[misc]
    for i in range(20)
)

_COLUMNS = ["object_id", "label", "redshift", "instrument", "date", "real", "raw_label", "wavelength", "flux"]


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledSpectra:
    """Resampled spectra with what the archive says of them.

    flux: (n, fine_samples) float32; covered: (n, fine_samples) bool; labels: (n,) index into the classes, -1 without
    one; redshift: (n,) NaN if unknown; object_ids, instruments: n strings; days: (n,) days since
    1858-11-17 (MJD), NaN if unknown; real: (n,) bool; raw_labels: n strings, the archive's own types.
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

    def take(self, index: Tensor) -> LabelledSpectra:
        """The rows of ``index``, (m,) int64."""
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
    """The rows of both, one after the other."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(LabelledSpectra):
        one, two = getattr(first, field.name), getattr(second, field.name)
        values[field.name] = torch.cat([one, two]) if isinstance(one, Tensor) else one + two
    return LabelledSpectra(**values)


def held_out(data: LabelledSpectra) -> set[str]:
    """The object ids that no training may see."""
    parts = split_by_object(data)
    return {data.object_ids[row] for part, rows in parts.items() if part != "train" for row in rows.tolist()}


def read_labelled(
    path: Path, classes: Sequence[str], config: PreprocessConfig, *, need_angstrom: float = 1500.0
) -> LabelledSpectra:
    """Read the Parquet file of labelled spectra; rows that cover too little of the optical are left out."""
    number = {name: i for i, name in enumerate(classes)}
    table = pq.read_table(path, columns=_COLUMNS)
    strict = dataclasses.replace(config, need_optical_angstrom=need_angstrom)
    wavelengths, fluxes = table["wavelength"].combine_chunks(), table["flux"].combine_chunks()
    kept, flux, covered = [], [], []
    for row in tqdm(range(table.num_rows), desc="resampling", unit="spectra", mininterval=2):
        arrays = _ascending(wavelengths[row].values.to_numpy(), fluxes[row].values.to_numpy())
        if arrays is None:
            continue
        try:
            resampled = resample_arrays(*arrays, strict)
        except SpectrumError:
            continue
        kept.append(row)
        flux.append(resampled.flux)
        covered.append(resampled.covered)
    columns = {name: table[name].take(kept).to_pylist() for name in _COLUMNS[:7]}
    redshift = [float("nan") if z is None else z for z in columns["redshift"]]
    return LabelledSpectra(
        torch.from_numpy(np.stack(flux)),
        torch.from_numpy(np.stack(covered)),
        torch.tensor([number.get(label, -1) for label in columns["label"]]),
        torch.tensor(redshift, dtype=torch.float64),
        tuple(columns["object_id"]),
        tuple(instrument or "unknown" for instrument in columns["instrument"]),
        torch.tensor([_modified_julian_day(date) for date in columns["date"]], dtype=torch.float64),
        torch.tensor(columns["real"]),
        tuple(raw or "" for raw in columns["raw_label"]),
    )


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


def split_by_object(data: LabelledSpectra) -> dict[Part, Tensor]:
    """Row numbers of each part; all spectra of an object fall in one part, and each class is spread over all.

    Depends on the object ids and labels alone, so a retrained checkpoint is tested on the same objects.
    """
    labels_of: dict[str, Counter[int]] = defaultdict(Counter)
    for object_id, label in zip(data.object_ids, data.labels.tolist(), strict=True):
        labels_of[object_id][label] += 1
    by_class: dict[int, list[str]] = defaultdict(list)
    for object_id, counts in labels_of.items():
        by_class[counts.most_common(1)[0][0]].append(object_id)
    part_of: dict[str, Part] = {}
    for members in by_class.values():
        for rank, object_id in enumerate(sorted(members, key=_stable_order)):
            part_of[object_id] = _PARTS[rank % len(_PARTS)]
    rows: dict[Part, list[int]] = {part: [] for part in ("train", "stop", "calibrate", "test")}
    for row, object_id in enumerate(data.object_ids):
        rows[part_of[object_id]].append(row)
    return {part: torch.tensor(numbers, dtype=torch.int64) for part, numbers in rows.items()}


def _stable_order(object_id: str) -> str:
    return hashlib.sha256(object_id.encode()).hexdigest()


def sampling_weights(data: LabelledSpectra, *, object_power: float, class_power: float) -> Tensor:
    """(n,) weights for drawing rows: an object with m spectra counts m^(1 - object_power) times, and a class with
    the weight N counts N^(1 - class_power) times; 0 leaves the archive's mix, 1 makes all equal."""
    spectra_of = Counter(data.object_ids)
    weights = torch.tensor([spectra_of[o] ** -object_power for o in data.object_ids], dtype=torch.float64)
    for label in set(data.labels.tolist()):
        rows = data.labels == label
        weights[rows] *= weights[rows].sum() ** -class_power
    return weights / weights.sum()
