"""The templates of the checkpoint in use, for drawing the best match beside a spectrum; read without PyTorch."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, load_file

import classifier
from triage.models import Checkpoint, CheckpointFile, Prediction

Array = NDArray[np.float64]

# As classifier.checkpoint names them, which loads PyTorch.
DESCRIPTION, TEMPLATES = "checkpoint.json", "templates.safetensors"
# Full width in ln λ of the smoothing that the templates went through as well.
SMOOTHING = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Overlay:
    """wavelength: (n,) Å in the frame that the spectrum came in; spectrum, template: (n,) what stands above or below
    the continuum, in units of its typical size, NaN where there is none. label: what the template is."""

    wavelength: Array
    spectrum: Array
    template: Array
    label: str


@dataclasses.dataclass(frozen=True, eq=False)
class _Templates:
    """The arrays and the grid of one checkpoint folder; hash as in Checkpoint.hash."""

    hash: str
    flux: Array
    defined: NDArray[np.bool_]
    wavelength: Array
    width: int


_kept: dict[str, _Templates] = {}


def overlay(prediction: Prediction, wavelength: Array, flux: Array, *, at_rest: bool) -> Overlay | None:
    """The best template at its redshift and the spectrum, both without their continuum; wavelength (n,) Å ascending.
    None where the prediction has no match, or is of a checkpoint whose templates are nowhere."""
    match = prediction.crosscheck or {}
    found = _templates(prediction.checkpoint) if "template" in match else None
    if found is None:
        return None
    grid = found.wavelength * (1.0 if at_rest else 1 + match["redshift"])
    values, covered = _on_grid(wavelength, flux, grid)
    if not covered.any():
        return None
    number = match["template"]
    template = np.where(found.defined[number], found.flux[number], np.nan)
    inside = slice(int(covered.argmax()), grid.size - int(covered[::-1].argmax()))
    label = f"template: {match['class']}"
    label += "" if at_rest else f" at z = {match['redshift']:.4f}"
    return Overlay(grid[inside], _without_continuum(values, covered, found.width)[inside], template[inside], label)


def _on_grid(wavelength: Array, flux: Array, grid: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Means of the samples in each step of the logarithmic grid, interpolated where a step holds none."""
    step = math.log(grid[1] / grid[0])
    place = np.round(np.log(wavelength / grid[0]) / step).astype(int)
    inside = (place >= 0) & (place < grid.size)
    count = np.bincount(place[inside], minlength=grid.size)
    total = np.bincount(place[inside], flux[inside], minlength=grid.size)
    between = (grid >= wavelength[0]) & (grid <= wavelength[-1])
    values = np.where(count > 0, total / np.maximum(count, 1), np.interp(grid, wavelength, flux))
    return values, between


def _without_continuum(values: Array, covered: NDArray[np.bool_], width: int) -> Array:
    """As classifier.preprocess.continuum_divided does for the network, then smoothed as the templates are."""
    weight = covered.astype(np.float64)
    continuum = values
    for _ in range(2):
        continuum = _mean(continuum, weight, width // 2)
    floor = max(0.1 * float(np.abs(values[covered]).mean()), 1e-12)
    divided = (values - continuum) / np.maximum(continuum, floor) * weight
    spread = float(np.abs(divided[covered]).mean()) or 1.0
    shown = np.arcsinh(divided / spread)
    for _ in range(SMOOTHING):
        shown = _mean(shown, weight, 3)
    return np.where(covered, shown, np.nan)


def _mean(values: Array, weight: Array, width: int) -> Array:
    kernel = np.ones(width | 1)
    total = np.convolve(weight, kernel, "same")
    result: Array = np.convolve(values * weight, kernel, "same") / np.maximum(total, 1e-6)
    return result


def _templates(checkpoint: Checkpoint) -> _Templates | None:
    """Of the folder that the settings choose if it is this checkpoint's, else of the files that a promotion keeps in
    the database; None where neither has them."""
    here = _of_settings()
    if here is not None and here.hash == checkpoint.hash:
        return here
    if checkpoint.hash not in _kept:
        files = CheckpointFile.objects.filter(checkpoint=checkpoint, name__in=(DESCRIPTION, TEMPLATES))
        content = {name: bytes(value) for name, value in files.values_list("name", "content")}
        if len(content) < 2:
            return None
        _kept.clear()  # those of one checkpoint are wanted at a time
        _kept[checkpoint.hash] = _parsed(content[DESCRIPTION], load(content[TEMPLATES]))
    return _kept.get(checkpoint.hash)


@functools.lru_cache(maxsize=1)
def _of_settings() -> _Templates | None:
    """None where the folder is not here, as on a web server apart from its workers."""
    shipped = Path(classifier.__file__).with_name("checkpoints") / "spectranet"
    folder: Path = settings.CLASSIFIER_CHECKPOINT or shipped
    try:
        return _parsed((folder / DESCRIPTION).read_bytes(), load_file(folder / TEMPLATES))
    except (OSError, SafetensorError):
        return None


def _parsed(description: bytes, fields: dict[str, NDArray[Any]]) -> _Templates:
    grid = json.loads(description)["preprocess"]
    step = math.log(grid["last"] / grid["first"]) / grid["samples"]
    return _Templates(
        hashlib.sha256(description).hexdigest(),
        fields["flux"].astype(np.float64),
        fields["weight"] > 0,
        np.asarray(grid["first"] * np.exp((np.arange(grid["samples"]) + 0.5) * step)),
        round(grid["continuum_width"] / step),
    )
