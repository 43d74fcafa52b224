"""Compact statistics of real classes, from which simulated spectra are drawn.

For each class and phase bin: a mean and a few principal components of rest-frame spectra, and the spread of the
components' amplitudes. A draw is one plausible member of the class, not a copy of any spectrum. (A plain mean over a
class would be mush: its lines move with phase.)
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from classifier.checkpoint import SHIPPED
from classifier.preprocess import PreprocessConfig, shift_and_average
from classifier.spectrum import Array

if TYPE_CHECKING:
    from classifier.training.dataset import LabelledSpectra

STATISTICS = SHIPPED / "class_statistics.safetensors"

# Rest-frame days since an object's first spectrum.
PHASE_BINS = ((0, 7), (7, 25), (25, 60), (60, 400))
COMPONENTS = 5
SAMPLES = 512
MIN_SPECTRA = 15
MAX_SPECTRA = 500


@dataclasses.dataclass(frozen=True, eq=False)
class PhaseStatistics:
    """Statistics of one class in one phase bin. Flux is F_λ divided by its mean over 4000-7500 Å.

    mean: (n,) mean flux.
    components: (k, n) principal components.
    spread: (k,) 1σ of their amplitudes.
    wavelength: (n,) Å, rest frame.
    """

    wavelength: Array
    mean: Array
    components: Array
    spread: Array

    def draw(self, random: np.random.Generator) -> Array:
        """Return the flux (n,) of one plausible member; amplitudes stay within 2σ."""
        amplitude = np.clip(random.standard_normal(self.spread.size), -2, 2) * self.spread
        flux: Array = self.mean + amplitude @ self.components
        return np.maximum(flux, 0.02)


@functools.cache
def load_statistics(path: Path = STATISTICS) -> dict[tuple[str, int], PhaseStatistics]:
    """Return the statistics by class name and number of the phase bin."""
    arrays = load_file(path)
    result = {}
    for key in sorted({key.rsplit("|", 1)[0] for key in arrays}):
        name, phase = key.rsplit("|", 1)
        parts = [arrays[f"{key}|{part}"].astype(float) for part in ("wavelength", "mean", "components", "spread")]
        result[name, int(phase)] = PhaseStatistics(*parts)
    return result


def compute_statistics(data: LabelledSpectra, names: Sequence[str], path: Path) -> list[tuple[str, int]]:
    """Compute the statistics of ``data`` and write the file; returns which (class, phase bin) it holds."""
    grid = dataclasses.replace(PreprocessConfig(), samples=SAMPLES, oversample=4)
    log1pz = torch.log1p(data.redshift)
    arrays: dict[str, NDArray[np.float16]] = {}
    for (name, phase), rows in _members(data, names).items():
        index = torch.tensor(rows)
        values, mask = shift_and_average(data.flux[index], data.covered[index].float(), log1pz[index], grid)
        statistics = _principal_components(values.double().numpy(), mask.numpy() > 0, grid.grid())
        if statistics is None:
            continue
        for part in ("wavelength", "mean", "components", "spread"):
            dtype = np.float32 if part == "wavelength" else np.float16
            arrays[f"{name}|{phase}|{part}"] = getattr(statistics, part).astype(dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(arrays, path)
    return sorted({(key.split("|")[0], int(key.split("|")[1])) for key in arrays})


def _members(data: LabelledSpectra, names: Sequence[str]) -> dict[tuple[str, int], list[int]]:
    """Return row numbers by class and phase bin: at most three rows of an object, and MAX_SPECTRA in all.

    Spectra without a phase, such as stars and galaxies, fall in the first bin.
    """
    first: dict[str, float] = {}
    for object_id, day in zip(data.object_ids, data.days.tolist(), strict=True):
        if math.isfinite(day):
            first[object_id] = min(day, first.get(object_id, day))
    members: dict[tuple[str, int], list[int]] = defaultdict(list)
    taken: Counter[tuple[str, int, str]] = Counter()
    for row, object_id in enumerate(data.object_ids):
        label, redshift, day = int(data.labels[row]), float(data.redshift[row]), float(data.days[row])
        if label < 0 or not math.isfinite(redshift):
            continue
        age = (day - first[object_id]) / (1 + redshift) if math.isfinite(day) else 0.0
        phase = sum(age >= end for _, end in PHASE_BINS)
        key = (names[label], phase)
        if phase < len(PHASE_BINS) and taken[*key, object_id] < 3 and len(members[key]) < MAX_SPECTRA:
            taken[*key, object_id] += 1
            members[key].append(row)
    return members


def _principal_components(values: Array, mask: NDArray[np.bool_], wavelength: Array) -> PhaseStatistics | None:
    """Return mean and components of spectra with gaps. Gaps are filled with the reconstruction, several times."""
    window = (wavelength > 4000) & (wavelength < 7500)
    enough = mask[:, window].mean(1) > 0.6
    level = (values * mask)[:, window].sum(1) / np.maximum(mask[:, window].sum(1), 1)
    usable = enough & (level > 0)
    if usable.sum() < MIN_SPECTRA:
        return None
    values, mask = values[usable] / level[usable, None], mask[usable]
    keep = mask.mean(0) > 0.35
    values, mask, wavelength = np.clip(values[:, keep], -1, 8), mask[:, keep], wavelength[keep]
    filled = np.where(mask, values, (values * mask).sum(0) / mask.sum(0))
    for _ in range(15):
        mean = filled.mean(0)
        left, size, components = np.linalg.svd(filled - mean, full_matrices=False)
        rebuilt = mean + (left[:, :COMPONENTS] * size[:COMPONENTS]) @ components[:COMPONENTS]
        filled = np.where(mask, values, rebuilt)
    spread = size[:COMPONENTS] / np.sqrt(len(values))
    smooth = np.array([0.25, 0.5, 0.25])
    components = np.stack([np.convolve(row, smooth, mode="same") for row in components[:COMPONENTS]])
    return PhaseStatistics(wavelength, mean, components, spread)
