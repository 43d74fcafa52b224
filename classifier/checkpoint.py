"""Checkpoints: a folder that alone rebuilds the network, its preprocessing, taxonomy and calibration.

``weights.safetensors`` holds the weights; nothing in it can run code. ``templates.safetensors`` holds the templates of
the cross-check. ``references.safetensors`` holds the references of the novelty; older checkpoints have none.
``checkpoint.json`` holds the rest, and the hashes of these files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from classifier.calibration import Calibration
from classifier.checkpoint_files import DESCRIPTION, REFERENCES, TEMPLATES, WEIGHTS, file_hash
from classifier.checkpoint_files import SHIPPED as SHIPPED
from classifier.ensemble import Ensemble
from classifier.errors import CheckpointError, DeviceError
from classifier.network import SpectraNet, SpectraNetConfig
from classifier.references import References
from classifier.resampling import PreprocessConfig
from classifier.taxonomy import Taxonomy, taxonomy_from_dict
from classifier.templates import Templates

FORMAT = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
    """Everything that a prediction needs.

    network: the ensemble.
    templates: templates of the cross-check.
    grid: the grids of the preprocessing.
    taxonomy: the classes.
    calibration: the calibration of both modes.
    metrics: how the network was trained and what it scored.
    references: references of the novelty, or None to read it from the energy.
    name: name for people.
    hash: SHA-256 of checkpoint.json, which holds the hashes of the other files; "" before they are written.
    """

    network: Ensemble
    templates: Templates
    grid: PreprocessConfig
    taxonomy: Taxonomy
    calibration: Calibration
    metrics: dict[str, Any]
    references: References | None = None
    name: str = "spectranet"
    hash: str = ""


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> str:
    """Write a checkpoint's files into a folder and return its hash. Weights are stored in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: value.contiguous().half() for key, value in checkpoint.network.state_dict().items()}
    save_file(state, folder / WEIGHTS)
    checkpoint.templates.save(folder / TEMPLATES)
    if checkpoint.references is not None:
        checkpoint.references.save(folder / REFERENCES)
    files = (WEIGHTS, TEMPLATES, *([REFERENCES] if checkpoint.references is not None else []))
    description = {
        "format": FORMAT,
        "name": checkpoint.name,
        "sha256": {name: file_hash(folder / name) for name in files},
        "network": checkpoint.network.config.to_dict(),
        "members": len(checkpoint.network.members),
        "preprocess": dataclasses.asdict(checkpoint.grid),
        "taxonomy": checkpoint.taxonomy.to_dict(),
        "calibration": checkpoint.calibration.to_dict(),
        "metrics": checkpoint.metrics,
    }
    text = json.dumps(description, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
    return hashlib.sha256((folder / DESCRIPTION).read_bytes()).hexdigest()


def load_checkpoint(folder: Path) -> Checkpoint:
    """Load a checkpoint from the folder that ``save_checkpoint`` wrote.

    Raises CheckpointError if it is missing, damaged or of a format that this version does not know.
    """
    try:
        text = (folder / DESCRIPTION).read_bytes()
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise CheckpointError(f"{folder}: format {content['format']} is not known here")
        for name, wanted in content["sha256"].items():
            if file_hash(folder / name) != wanted:
                raise CheckpointError(f"{folder}: {name} is not the file that checkpoint.json describes")
        config = SpectraNetConfig(**content["network"])
        network = Ensemble([SpectraNet(config) for _ in range(content["members"])])
        state = {key: value.float() for key, value in load_file(folder / WEIGHTS).items()}
        network.load_state_dict(state)
        return Checkpoint(
            network.eval(),
            Templates.load(folder / TEMPLATES),
            PreprocessConfig(**content["preprocess"]),
            taxonomy_from_dict(content["taxonomy"]),
            Calibration.from_dict(content["calibration"]),
            content["metrics"],
            References.load(folder / REFERENCES) if REFERENCES in content["sha256"] else None,
            content["name"],
            hashlib.sha256(text).hexdigest(),
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{folder} cannot be loaded: {error}") from error


def files_hash(paths: Sequence[Path]) -> str:
    """Return the hash of one file, or one hash for several files in their order."""
    hashes = [file_hash(path) for path in paths]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def pick_device(wanted: str) -> torch.device:
    """Return the device for "auto", "cpu" or "cuda"; "auto" takes CUDA if there is one.

    Raises DeviceError if CUDA is asked for and there is none: nothing falls back silently.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise DeviceError("the device is to be cuda, but PyTorch sees no CUDA device; choose cpu or auto")
    return torch.device(wanted)


def device_name(device: torch.device) -> str:
    """Return the name of a GPU, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
