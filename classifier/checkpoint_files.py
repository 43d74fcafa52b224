"""Names of the files in a checkpoint's folder. This module does not load PyTorch, so that web pages can use it."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).with_name("checkpoints") / "spectranet"
WEIGHTS, TEMPLATES, DESCRIPTION = "weights.safetensors", "templates.safetensors", "checkpoint.json"
