"""The paper's network beside our own shapes, each trained for the same time on the same folds."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from classifier.checkpoint import device_name
from classifier.network import SpectraNet
from classifier.preprocess import PreprocessConfig
from classifier.training.config import TrainConfig
from classifier.training.dataset import LabelledSpectra
from classifier.training.folds import folds_of
from classifier.training.inference import infer, infer_both
from classifier.training.scoring import redshift_figures, score
from classifier.training.train import fit

PRESETS_COMPARED = ("paper", "paper-taxonomy", "paper-redshift", "fine")


def compare(
    data: LabelledSpectra,
    names: Sequence[str],
    settings: TrainConfig,
    presets: Sequence[str],
    objects: int,
    device: torch.device,
) -> dict[str, dict[str, Any]]:
    """Train one network of each preset without the first fold, and measure it on objects of that fold.

    data: labelled spectra on the grid of the presets, which must be the same for all of them.
    names: names of the classes of its labels.
    settings: settings of each training but for the preset.
    objects: number of objects to measure on, with one spectrum each.
    device: where to train.

    Returns for each preset the device, the minutes, the number of spectra drawn, and the figures.
    """
    folds = folds_of(data, settings.folds)
    kept = data.take(_one_of_each(data, folds, objects))
    learned = data.take(torch.nonzero(folds != 0).squeeze(1))
    found = {}
    for preset in presets:
        chosen = dataclasses.replace(settings, preset=preset)
        started = time.monotonic()
        network, history = fit(_of_classes(learned, names, chosen), chosen, device)
        found[preset] = {
            "device": device_name(device),
            "minutes": round((time.monotonic() - started) / 60, 1),
            "drawn": len(history) * chosen.steps * chosen.batch_size,
        } | _figures(network.cpu(), _of_classes(kept, names, chosen), chosen)
    return found


def _one_of_each(data: LabelledSpectra, folds: torch.Tensor, objects: int) -> torch.Tensor:
    """Return the rows of one spectrum, by chance, of so many objects of the first fold with a known redshift."""
    usable = np.flatnonzero(((folds == 0) & data.redshift.isfinite()).numpy())
    rows = np.random.default_rng(1).permutation(usable)
    _, first = np.unique(np.array(data.object_ids)[rows], return_index=True)
    return torch.from_numpy(np.sort(rows[first])[:: max(1, len(first) // objects)][:objects])


def _of_classes(data: LabelledSpectra, names: Sequence[str], settings: TrainConfig) -> LabelledSpectra:
    """Return the spectra of the classes that a preset is trained on, with its labels."""
    trained = settings.taxonomy.trained
    number = torch.tensor([trained.index(name) if name in trained else -1 for name in names])
    labels = number[data.labels]
    return dataclasses.replace(data, labels=labels).take(torch.nonzero(labels >= 0).squeeze(1))


def _figures(network: SpectraNet, data: LabelledSpectra, settings: TrainConfig) -> dict[str, Any]:
    """Return accuracy and macro-F1 with the redshift known, before calibration, or else the redshift's figures."""
    grid: PreprocessConfig = settings.grid
    if not network.config.classes:
        z = redshift_figures(infer(network, data, grid), data)
        return {"objects": len(data), "rms": z["rms"], "sigma_nmad": z["sigma_nmad"]}
    scored = score(infer_both(network, data, grid)["known"], data, settings.taxonomy.trained)
    return {"objects": len(data), "accuracy": scored["accuracy"], "macro_f1": scored["macro_f1"]}
