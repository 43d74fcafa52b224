"""Retraining on the archive's spectra together with spectra that reviewers vetted."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from classifier.checkpoint import Checkpoint
from classifier.errors import SpectrumError
from classifier.names import name_key
from classifier.preprocess import PreprocessConfig, Resampled, resample
from classifier.readers.dates import mjd_of
from classifier.training.config import TrainConfig
from classifier.training.dataset import LabelledSpectra, read_object_ids
from classifier.training.train import train
from triage.chunks import chunks
from triage.inference.samples import settled_redshift, spectrum_value
from triage.models import Spectrum, SpectrumArrays

CHUNK = 256


def retrain(data: Sequence[Path], out: Path, recipe: TrainConfig, device: torch.device) -> tuple[Checkpoint, int]:
    """Train a candidate checkpoint on the archive's spectra and on vetted ones.

    data: Parquet files of the archive.
    out: folder to write the checkpoint to.
    recipe: settings of the training.
    device: where to train.

    Returns the checkpoint and the number of vetted spectra. Its figures are of the archive alone, as every other's.
    """
    classes, grid = recipe.taxonomy.trained, recipe.grid
    more = vetted_for_training(classes, read_object_ids(data), grid)
    trained = train(data, out, recipe, more=more, device=device)
    return trained, len(more) if more else 0


def vetted_for_training(
    classes: Sequence[str], archive_ids: Collection[str], grid: PreprocessConfig
) -> LabelledSpectra | None:
    """Return the vetted spectra as training data, or None if there are none.

    classes: the classes that the network knows; spectra of other classes are left out.
    archive_ids: object ids of the archive. A transient with one of them among its names gets it, so that all its
        spectra are in one fold.
    grid: the grids to resample the spectra onto.

    Private spectra are left out, because everybody uses the checkpoint, and so are those that were read without their
    host's light.
    """
    usable = list(_usable(classes, grid))
    if not usable:
        return None
    spectra, resampled = zip(*usable, strict=True)
    archived = {name_key(name): name for name in archive_ids}
    return LabelledSpectra(
        torch.from_numpy(np.stack([one.flux for one in resampled])),
        torch.from_numpy(np.stack([one.covered for one in resampled])),
        torch.tensor([classes.index(spectrum.vetted_class) for spectrum in spectra]),
        torch.tensor([settled_redshift(spectrum) for spectrum in spectra], dtype=torch.float64),
        tuple(_object_id(spectrum, archived) for spectrum in spectra),
        tuple(spectrum.instrument or "unknown" for spectrum in spectra),
        torch.tensor([_day(spectrum) for spectrum in spectra], dtype=torch.float64),
        torch.tensor([True] * len(spectra)),
        tuple(spectrum.vetted_class for spectrum in spectra),
    )


def _usable(classes: Sequence[str], grid: PreprocessConfig) -> Iterator[tuple[Spectrum, Resampled]]:
    vetted = Spectrum.objects.filter(group__isnull=True, simulated=False).vetted_as(classes)
    ids = list(vetted.order_by("id").values_list("id", flat=True))
    for chunk in chunks(ids, CHUNK):
        arrays = SpectrumArrays.objects.in_bulk(chunk)
        for spectrum in vetted.filter(id__in=chunk).prefetch_related("transient__other_names").order_by("id"):
            # A spectrum in the rest frame has no redshift to learn, and what a fit left of another is no measurement.
            if spectrum.at_rest or spectrum.without_host:
                continue
            try:
                yield spectrum, resample(spectrum_value(spectrum, arrays), grid)
            except SpectrumError:
                continue


def _object_id(spectrum: Spectrum, archived: Mapping[str, str]) -> str:
    """Return the archive's id of the spectrum's transient, or else its name.

    archived: the archive's object ids, by their keys.
    """
    transient = spectrum.transient
    names = [transient.name, *(other.name for other in transient.other_names.all())] if transient else []
    keys = [name_key(name) for name in names]
    return next((archived[name] for name in keys if name in archived), name_key(str(transient)))


def _day(spectrum: Spectrum) -> float:
    """Return the modified Julian day of the observation, or NaN if it is unknown."""
    return mjd_of(spectrum.observed_at) if spectrum.observed_at else math.nan
