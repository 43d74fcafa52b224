"""A checkpoint: a folder that alone rebuilds the network, its preprocessing, taxonomy and calibration.

``weights.safetensors`` holds the weights (nothing in it can run code), ``checkpoint.json`` the rest.
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
from classifier.errors import CheckpointError
from classifier.network import SpectraNet, SpectraNetConfig
from classifier.preprocess import PreprocessConfig
from classifier.taxonomy import Taxonomy, taxonomy_from_dict

SHIPPED = Path(__file__).with_name("checkpoints") / "spectranet"
WEIGHTS, DESCRIPTION = "weights.safetensors", "checkpoint.json"
FORMAT = 1


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that a prediction needs. metrics: how it was trained and what it scored. hash: of both files, "" before
    they are written."""

    network: SpectraNet
    grid: PreprocessConfig
    taxonomy: Taxonomy
    calibration: Calibration
    metrics: dict[str, Any]
    name: str = "spectranet"
    hash: str = ""


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> str:
    """Write both files into ``folder``; returns the checkpoint's hash."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: value.contiguous().half() for key, value in checkpoint.network.state_dict().items()}
    save_file(state, folder / WEIGHTS)
    description = {
        "format": FORMAT,
        "name": checkpoint.name,
        "weights_sha256": data_hash(folder / WEIGHTS),
        "network": checkpoint.network.config.to_dict(),
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
        if data_hash(folder / WEIGHTS) != content["weights_sha256"]:
            raise CheckpointError(f"{folder}: the weights are not those that checkpoint.json describes")
        network = SpectraNet(SpectraNetConfig(**content["network"]))
        state = {key: value.float() for key, value in load_file(folder / WEIGHTS).items()}
        network.load_state_dict(state)
        return Checkpoint(
            network.eval(),
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
