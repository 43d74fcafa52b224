"""Vetted spectra as training data, beside the archive's own."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from classifier.checkpoint import Checkpoint
from classifier.dataset import LabelledSpectra, held_out, read_labelled
from classifier.errors import SpectrumError
from classifier.preprocess import PreprocessConfig, Resampled, resample
from classifier.taxonomy import load_taxonomy
from classifier.train import TrainConfig, train
from triage.inference import spectrum_value
from triage.models import Spectrum, SpectrumArrays
from triage.shadow import vetted_spectra

CHUNK = 256
# What people write before the same designation.
PREFIXES = ("sn", "at")


def retrain(data: Path, out: Path, recipe: TrainConfig) -> tuple[Checkpoint, int]:
    """Train a candidate into the folder ``out`` on the Parquet file's training objects and on vetted spectra; returns
    it and how many of the latter there were. It is tested on the same objects as every other."""
    classes, grid = load_taxonomy().trained, PreprocessConfig()
    more = vetted_for_training(classes, held_out(read_labelled(data, classes, grid)), grid)
    trained = train(data, out, recipe, more)
    return trained, len(more) if more else 0


def vetted_for_training(
    classes: Sequence[str], tested_on: Collection[str], grid: PreprocessConfig
) -> LabelledSpectra | None:
    """Public spectra that reviewers vetted, of classes that the network knows; None where there are none.

    tested_on: object ids of the archive that no training may see; an object that is among them by whichever of its
    names is left out. So are private spectra: a checkpoint is for everybody."""
    found = list(_usable(classes, {_plain(name) for name in tested_on}, grid))
    if not found:
        return None
    spectra, resampled = zip(*found, strict=True)
    return LabelledSpectra(
        torch.from_numpy(np.stack([one.flux for one in resampled])),
        torch.from_numpy(np.stack([one.covered for one in resampled])),
        torch.tensor([classes.index(spectrum.vetted_class) for spectrum in spectra]),
        torch.tensor([_redshift(spectrum) for spectrum in spectra], dtype=torch.float64),
        tuple(_plain(spectrum.transient.name) for spectrum in spectra),
        tuple(spectrum.instrument or "unknown" for spectrum in spectra),
        torch.tensor([_day(spectrum) for spectrum in spectra], dtype=torch.float64),
        torch.tensor([True] * len(spectra)),
        tuple(spectrum.vetted_class for spectrum in spectra),
    )


def _usable(
    classes: Sequence[str], tested_on: Collection[str], grid: PreprocessConfig
) -> Iterator[tuple[Any, Resampled]]:
    vetted = vetted_spectra().filter(group__isnull=True, simulated=False, vetted_class__in=classes)
    ids = list(vetted.order_by("id").values_list("id", flat=True))
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        arrays = SpectrumArrays.objects.in_bulk(chunk)
        for spectrum in vetted.filter(id__in=chunk).prefetch_related("transient__other_names").order_by("id"):
            names = [spectrum.transient.name, *map(str, spectrum.transient.other_names.all())]
            # The archive's spectra are all in the observed frame.
            if spectrum.at_rest or any(_plain(name) in tested_on for name in names):
                continue
            try:
                yield spectrum, resample(spectrum_value(spectrum, arrays), grid)
            except SpectrumError:
                continue


def _plain(name: str) -> str:
    """A name as it is compared: letters and digits, without SN or AT."""
    letters = "".join(c for c in name.casefold() if c.isalnum())
    for prefix in PREFIXES:
        if letters.startswith(prefix) and letters[len(prefix) : len(prefix) + 1].isdigit():
            return letters[len(prefix) :]
    return letters


def _redshift(spectrum: Any) -> float:
    """The reviewer's, else the known one; NaN where neither is."""
    transient = spectrum.transient
    known = (spectrum.vetted_redshift, spectrum.stated_redshift, transient.redshift if transient else None)
    return next((value for value in known if value is not None), math.nan)


def _day(spectrum: Spectrum) -> float:
    """Modified Julian day."""
    return spectrum.observed_at.timestamp() / 86400 + 40587 if spectrum.observed_at else math.nan
