"""State of a training: everything that is needed to go on after the last finished epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from classifier.errors import CheckpointError
from classifier.network import SpectraNet


class TrainingState:
    """A network in training, the moving average of its weights, its optimiser, and the figures of each epoch.

    history: figures of the finished epochs.
    """

    def __init__(self, network: SpectraNet, average: SpectraNet, optimiser: torch.optim.Optimizer) -> None:
        self.network, self.average, self.optimiser = network, average, optimiser
        self.history: list[dict[str, Any]] = []

    @property
    def epoch(self) -> int:
        """Return the number of finished epochs."""
        return len(self.history)

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
        content = self.optimiser.state_dict()
        for key, value in _part(stored, "optimiser").items():
            number, name = key.split(".")
            content["state"].setdefault(int(number), {})[name] = value
        self.optimiser.load_state_dict(content)

    def _tensors(self) -> dict[str, Tensor]:
        parts = {"network": self.network.state_dict(), "average": self.average.state_dict()}
        tensors = {f"{part}/{key}": value for part, values in parts.items() for key, value in values.items()}
        for number, values in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{number}.{name}": value for name, value in values.items()}
        return tensors


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{part}/"): value for key, value in tensors.items() if key.startswith(f"{part}/")}


def claim(run: Path, settings: dict[str, Any]) -> None:
    """Write a training's settings into the folder of its states, or compare them with the settings that are there.

    Raises CheckpointError if the folder holds the states of a training with other settings.
    """
    path = run / "settings.json"
    wanted = json.loads(json.dumps(settings))
    if path.exists():
        held = json.loads(path.read_text(encoding="utf-8"))
        # A training from before there were teachers says nothing of them, and had none.
        held = {"teachers": [], "teacher_weight": wanted.get("teacher_weight")} | held
        changed = sorted(key for key in wanted | held if wanted.get(key) != held.get(key))
        if changed:
            described = ", ".join(f"{key} was {held.get(key)} and is {wanted.get(key)}" for key in changed)
            raise CheckpointError(f"{run} holds a training with other settings: {described}")
    run.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
