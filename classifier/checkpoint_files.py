"""Files in a checkpoint's folder. This module does not load PyTorch, so that web pages can use it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).with_name("checkpoints") / "spectranet"
WEIGHTS, TEMPLATES, DESCRIPTION = "weights.safetensors", "templates.safetensors", "checkpoint.json"
REFERENCES = "references.safetensors"
# Figures for the model card that trainings of their own measured.
HELD_OUT, COMPARISON = "held_out.json", "paper.json"


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_figures(found: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Write figures for the model card beside a checkpoint."""
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def read_figures(path: Path) -> dict[str, dict[str, Any]]:
    """Return the figures that ``write_figures`` wrote, or {} if there are none."""
    found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found
