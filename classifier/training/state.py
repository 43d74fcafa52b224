"""State of a training: everything that is needed to go on after the last finished epoch."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from classifier.network import SpectraNet


class TrainingState:
    """A network in training, the moving average of its weights, its optimiser, and the figures of each epoch.

    history: figures of the finished epochs; an epoch may have "macro_f1" on the early-stop objects.
    best: averaged weights of the epoch with the best macro-F1, or of the last epoch.
    """

    def __init__(self, network: SpectraNet, average: SpectraNet, optimiser: torch.optim.Optimizer) -> None:
        self.network, self.average, self.optimiser = network, average, optimiser
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Tensor] = copy.deepcopy(average.state_dict())

    @property
    def epoch(self) -> int:
        """Return the number of finished epochs."""
        return len(self.history)

    @property
    def best_epoch(self) -> int:
        """Return the number, from 1, of the epoch with the best macro-F1; 0 before the first epoch."""
        scores = [figures.get("macro_f1", 0.0) for figures in self.history]
        return 1 + scores.index(max(scores)) if scores else 0

    def finish_epoch(self, figures: dict[str, Any]) -> None:
        """Add an epoch's figures and keep the averaged weights if they are the best so far."""
        self.history.append(figures)
        if "macro_f1" not in figures or self.best_epoch == self.epoch:
            self.best = copy.deepcopy(self.average.state_dict())

    def save(self, path: Path) -> None:
        """Write the state into a file, which is replaced as a whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {key: value.contiguous() for key, value in self._tensors().items()}
        temporary = path.with_suffix(".part")
        save_file(tensors, temporary, metadata={"history": json.dumps(self.history)})
        temporary.replace(path)

    def load(self, path: Path) -> None:
        """Go on from the state in a file, if the file exists."""
        if not path.exists():
            return
        with safe_open(path, framework="pt") as file:
            self.history = json.loads(file.metadata()["history"])
            stored = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        self.network.load_state_dict(_part(stored, "network"))
        self.average.load_state_dict(_part(stored, "average"))
        self.best = {key: value.to(self.best[key].device) for key, value in _part(stored, "best").items()}
        content = self.optimiser.state_dict()
        for key, value in _part(stored, "optimiser").items():
            number, name = key.split(".")
            content["state"].setdefault(int(number), {})[name] = value
        self.optimiser.load_state_dict(content)

    def _tensors(self) -> dict[str, Tensor]:
        parts = {"network": self.network.state_dict(), "average": self.average.state_dict(), "best": self.best}
        tensors = {f"{part}/{key}": value for part, values in parts.items() for key, value in values.items()}
        for number, values in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{number}.{name}": value for name, value in values.items()}
        return tensors


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{part}/"): value for key, value in tensors.items() if key.startswith(f"{part}/")}
