"""A checkpoint: a folder that alone rebuilds the network, its preprocessing, taxonomy and calibration.

``weights.safetensors`` holds the weights (nothing in it can run code), ``templates.safetensors`` the templates of the
cross-check, ``checkpoint.json`` the rest and the hashes of both.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from classifier.calibration import Calibration
from classifier.crosscheck import Templates
from classifier.errors import CheckpointError
from classifier.network import Ensemble, SpectraNet, SpectraNetConfig
from classifier.preprocess import PreprocessConfig
from classifier.taxonomy import Taxonomy, taxonomy_from_dict

SHIPPED = Path(__file__).with_name("checkpoints") / "spectranet"
WEIGHTS, TEMPLATES, DESCRIPTION = "weights.safetensors", "templates.safetensors", "checkpoint.json"
FORMAT = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that a prediction needs. metrics: how it was trained and what it scored. hash: of all files, "" before
    they are written."""

    network: Ensemble
    templates: Templates
    grid: PreprocessConfig
    taxonomy: Taxonomy
    calibration: Calibration
    metrics: dict[str, Any]
    name: str = "spectranet"
    hash: str = ""


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> str:
    """Write the files into ``folder``; returns the checkpoint's hash."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: value.contiguous().half() for key, value in checkpoint.network.state_dict().items()}
    save_file(state, folder / WEIGHTS)
    checkpoint.templates.save(folder / TEMPLATES)
    description = {
        "format": FORMAT,
        "name": checkpoint.name,
        "sha256": {name: data_hash(folder / name) for name in (WEIGHTS, TEMPLATES)},
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
    """Rebuild what ``save_checkpoint`` wrote. Raises CheckpointError where it is missing, damaged or of a format
    that this version does not know."""
    try:
        text = (folder / DESCRIPTION).read_bytes()
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise CheckpointError(f"{folder}: format {content['format']} is not known here")
        for name, wanted in content["sha256"].items():
            if data_hash(folder / name) != wanted:
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
            content["name"],
            hashlib.sha256(text).hexdigest(),
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{folder} cannot be loaded: {error}") from error


def data_hash(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pick_device(wanted: str) -> torch.device:
    """ "auto": CUDA where there is one. Asking for CUDA without one raises RuntimeError; nothing falls back unsaid."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("CLASSIFIER_DEVICE is cuda, but PyTorch sees no CUDA device")
    return torch.device(wanted)
