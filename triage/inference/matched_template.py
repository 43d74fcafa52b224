"""The templates of a prediction's checkpoint, and the comparison that the review page draws.

Web pages use this module, so it does not load PyTorch.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from pathlib import Path

from django.conf import settings
from safetensors import SafetensorError

from classifier.checkpoint_files import DESCRIPTION, SHIPPED, TEMPLATES
from classifier.errors import SpectrumError
from classifier.flattening import Comparison, compare
from classifier.resampling import PreprocessConfig
from classifier.spectrum import Array
from classifier.templates import Templates
from triage.models import Checkpoint, CheckpointFile, Prediction


@dataclasses.dataclass(frozen=True, eq=False)
class CheckpointTemplates:
    """The templates and the grids of one checkpoint.

    Attributes:
        hash: hash of the checkpoint, as in ``Checkpoint.hash``.
        templates: its templates.
        grid: the grids that its templates were made on.
    """

    hash: str
    templates: Templates
    grid: PreprocessConfig


# The templates of the promoted checkpoint that was asked for last, by its hash.
_promoted: dict[str, CheckpointTemplates] = {}


def matched_template(prediction: Prediction, wavelength: Array, flux: Array, *, at_rest: bool) -> Comparison | None:
    """Return a spectrum and its best template as the cross-check compared them.

    prediction: prediction of the spectrum; its ``crosscheck`` says which template matched at which redshift.
    wavelength: (n,) Å, ascending, in the frame that the spectrum came in.
    flux: (n,) F_λ in any unit.
    at_rest: whether the spectrum came in the rest frame.

    Returns None if the prediction has no match, if the templates of its checkpoint are stored nowhere, or if the
    spectrum covers too little to be compared.
    """
    match = prediction.crosscheck or {}
    loaded = templates_of(prediction.checkpoint) if "template" in match else None
    if loaded is None:
        return None
    number = match["template"]
    template, defined = loaded.templates.flux[number], loaded.templates.weight[number] > 0
    try:
        return compare(wavelength, flux, template, defined, 0.0 if at_rest else match["redshift"], loaded.grid)
    except SpectrumError:
        return None


def templates_of(checkpoint: Checkpoint) -> CheckpointTemplates | None:
    """Return the templates of a checkpoint, or None if they are stored nowhere.

    They come from the folder that the settings name, if it holds this checkpoint, else from the files that a promotion
    stores in the database.
    """
    configured = _configured()
    if configured is not None and configured.hash == checkpoint.hash:
        return configured
    if checkpoint.hash not in _promoted:
        files = CheckpointFile.objects.filter(checkpoint=checkpoint, name__in=(DESCRIPTION, TEMPLATES))
        content = {name: bytes(value) for name, value in files.values_list("name", "content")}
        if len(content) < 2:
            return None
        # Nearly all pages show predictions of one checkpoint, so the templates of one are enough to hold in memory.
        _promoted.clear()
        _promoted[checkpoint.hash] = _parsed(content[DESCRIPTION], content[TEMPLATES])
    return _promoted.get(checkpoint.hash)


@functools.lru_cache(maxsize=1)
def _configured() -> CheckpointTemplates | None:
    """Return None if the folder is not on this machine, which is so on a web server apart from its workers."""
    folder: Path = settings.CLASSIFIER_CHECKPOINT or SHIPPED
    try:
        return _parsed((folder / DESCRIPTION).read_bytes(), (folder / TEMPLATES).read_bytes())
    except (OSError, SafetensorError):
        return None


def _parsed(description: bytes, templates: bytes) -> CheckpointTemplates:
    grid = PreprocessConfig(**json.loads(description)["preprocess"]).for_templates
    return CheckpointTemplates(hashlib.sha256(description).hexdigest(), Templates.from_bytes(templates), grid)
