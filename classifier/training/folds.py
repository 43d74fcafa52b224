"""Folds: every object is in one of a few equal parts of the data, and member k of an ensemble never sees part k.

So the member that never saw an object can answer for it, and every object of the data serves to measure and to
calibrate.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from classifier.training.dataset import LabelledSpectra


def fold_of(object_id: str, folds: int) -> int:
    """Return the fold of an object, 0 to ``folds`` - 1.

    It follows from the name alone, so it stays the same when objects are added.
    """
    return int.from_bytes(hashlib.sha256(object_id.encode()).digest()[:8], "big") % folds


def folds_of(data: LabelledSpectra, folds: int) -> Tensor:
    """Return the fold of each row, (n,) int64."""
    return torch.tensor([fold_of(object_id, folds) for object_id in data.object_ids], dtype=torch.int64)
