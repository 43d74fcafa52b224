"""Train a SpectraNet: reads top to bottom.

The recipe follows AppleCiDEr II (arXiv 2510.07215): class-balanced focal loss, AdamW, warm-up and cosine, a moving
average of the weights, gradient clipping, early stop on macro-F1. Spectra are split by object, never singly.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from classifier.calibration import Calibration, fit_calibration
from classifier.checkpoint import Checkpoint, files_hash, save_checkpoint
from classifier.ensemble import Ensemble
from classifier.network import SpectraNet
from classifier.outputs import MODES
from classifier.preprocess import PreprocessConfig
from classifier.taxonomy import load_taxonomy
from classifier.training.batches import Batches
from classifier.training.config import TrainConfig
from classifier.training.dataset import LabelledSpectra, joined, read_labelled, split_by_object
from classifier.training.presets import PRESETS
from classifier.training.scoring import infer, infer_both, measure, score
from classifier.training.state import TrainingState
from classifier.training.templates import make_templates

# The loss is read this often, because reading it waits for the GPU.
READ_LOSS_EVERY = 25


def train(
    data_paths: Sequence[Path],
    out: Path,
    settings: TrainConfig,
    *,
    more: LabelledSpectra | None = None,
    device: torch.device | None = None,
    run: Path | None = None,
) -> Checkpoint:
    """Train, calibrate, measure on the test objects, and write the checkpoint into a folder.

    data_paths: Parquet files of labelled spectra.
    out: folder to write to.
    more: further spectra to train on, or None. The split of the files is the same with and without them.
    device: where to train; None for the CPU.
    run: folder for the state of each member. Training goes on from the states that it holds already.

    The first member stops early on the stop objects, which shows how many epochs are enough. The other members train
    that long, on those objects too.
    """
    device = device or torch.device("cpu")
    taxonomy, grid = load_taxonomy(), settings.grid
    data = read_labelled(data_paths, taxonomy.trained, grid)
    parts = split_by_object(data)
    started = time.monotonic()
    seen = data.take(parts["train"])
    seen = joined(seen, more) if more else seen
    first, history = fit(seen, data.take(parts["stop"]), settings, device, _state_file(run, 1))
    members, histories = [first], [history]
    enough = max(history, key=lambda figures: figures["macro_f1"])["epoch"]
    for number in range(1, settings.members):
        changed = dataclasses.replace(settings, seed=settings.seed + number, epochs=enough)
        state = _state_file(run, number + 1)
        member, history = fit(joined(seen, data.take(parts["stop"])), None, changed, device, state)
        members.append(member)
        histories.append(history)
    training = _training_record(data_paths, settings, device) | {
        "minutes": round((time.monotonic() - started) / 60, 1),
        "histories": histories,
        "added": len(more) if more else 0,
    }
    files = {"file": " + ".join(path.name for path in data_paths), "sha256": files_hash(data_paths)}
    checkpoint = finish(members, data, grid, {"training": training, "data": files})
    save_checkpoint(checkpoint, out)
    return checkpoint


def _training_record(data_paths: Sequence[Path], settings: TrainConfig, device: torch.device) -> dict[str, Any]:
    """Return command, machine and settings of a training, for the checkpoint's metrics."""
    names = " ".join(f"--data {path.name}" for path in data_paths)
    return {
        "command": f"python -m classifier train {names} --preset {settings.preset}",
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "settings": dataclasses.asdict(settings),
    }


def _state_file(run: Path | None, number: int) -> Path | None:
    return None if run is None else run / f"member-{number}.safetensors"


def finish(
    members: Sequence[SpectraNet], data: LabelledSpectra, grid: PreprocessConfig, described: dict[str, Any]
) -> Checkpoint:
    """Return the checkpoint of trained members, with templates, calibration and figures on the test objects.

    described: further metrics to store.
    """
    taxonomy = load_taxonomy()
    parts = split_by_object(data)
    network = Ensemble(members).half().float()  # as it will be stored, so that what is measured is what is shipped
    templates = make_templates(data.take(torch.cat([parts["train"], parts["stop"]])), len(taxonomy.trained), grid)
    calibration = calibrate(network, data.take(parts["calibrate"]), grid)
    test = data.take(parts["test"])
    metrics = described | {
        "split": {part: len(rows) for part, rows in parts.items()},
        "test": {mode: measure(network, calibration, test, grid, taxonomy.trained, mode) for mode in MODES},
    }
    return Checkpoint(network.cpu(), templates, grid, taxonomy, calibration, metrics)


def calibrate(network: Ensemble, data: LabelledSpectra, grid: PreprocessConfig) -> Calibration:
    """Fit the calibration of both modes on ``data``."""
    outputs = infer_both(network, data, grid)
    return fit_calibration(outputs, data.labels.numpy(), data.redshift.numpy(), data.object_ids)


def fit(
    data: LabelledSpectra,
    stop: LabelledSpectra | None,
    settings: TrainConfig,
    device: torch.device,
    state_file: Path | None = None,
) -> tuple[SpectraNet, list[dict[str, Any]]]:
    """Train a network on ``data`` until macro-F1 on ``stop`` rises no more.

    stop: spectra of the early-stop objects, or None to train for all epochs.
    state_file: file for the state after each epoch; training goes on from the state that it holds. None stores nothing.

    Returns the best averaged weights (the last ones without ``stop``), and the figures of each epoch.
    """
    names = load_taxonomy().trained
    torch.manual_seed(settings.seed)
    network = SpectraNet(PRESETS[settings.preset].network(len(names))).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    average = copy.deepcopy(network).eval()
    state = TrainingState(network, average, optimiser)
    if state_file is not None:
        state.load(state_file)
    batches = Batches(data.to(device), settings)
    started = time.monotonic()
    while not _is_done(state, settings, stopping=stop is not None, minutes=(time.monotonic() - started) / 60):
        figures: dict[str, Any] = {"epoch": state.epoch + 1, "loss": _epoch(state, batches, settings, started)}
        if stop is not None:
            figures |= stop_figures(average, stop, settings.grid, names)
        state.finish_epoch(figures)
        print({key: round(value, 4) for key, value in figures.items()}, flush=True)
        if state_file is not None:
            state.save(state_file)
    if stop is not None:
        average.load_state_dict(state.best)
    return average, state.history


def _is_done(state: TrainingState, settings: TrainConfig, *, stopping: bool, minutes: float) -> bool:
    if state.epoch >= settings.epochs or (stopping and state.epoch - state.best_epoch >= settings.patience):
        return True
    return bool(settings.minutes and state.epoch and minutes >= settings.minutes)


def _epoch(state: TrainingState, batches: Batches, settings: TrainConfig, started: float) -> float:
    """Train for one epoch and return the mean loss."""
    # Each epoch has a seed of its own, so that a training that is resumed goes on as it would have.
    random = torch.Generator(batches.device).manual_seed(1_000 * settings.seed + state.epoch)
    torch.manual_seed(1_000 * settings.seed + state.epoch)
    state.network.train()
    drawn = batches.draw(settings.steps, random)
    total = torch.zeros((), device=batches.device)
    bar = tqdm(range(settings.steps), f"epoch {state.epoch + 1}/{settings.epochs}", unit="batch", mininterval=5)
    for step in bar:
        epochs_done = state.epoch + step / settings.steps
        progress = epochs_done / settings.epochs
        if settings.minutes:
            progress = max(progress, (time.monotonic() - started) / 60 / settings.minutes)
        for group in state.optimiser.param_groups:
            group["lr"] = learning_rate(progress, epochs_done, settings)
        loss = batches.loss(state.network, drawn[step], random)
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), settings.clip)
        state.optimiser.step()
        number = state.epoch * settings.steps + step
        update_average(state.average, state.network, min(settings.ema, (1 + number) / (10 + number)))
        total += loss.detach()
        if step % READ_LOSS_EVERY == 0:
            bar.set_postfix(loss=f"{float(total) / (step + 1):.3f}", refresh=False)
    return float(total) / settings.steps


def learning_rate(progress: float, epochs_done: float, settings: TrainConfig) -> float:
    """Return the learning rate: a linear warm-up, then half a cosine down to ``learning_rate_min``.

    progress: 0..1 over the training.
    """
    warm = min(1.0, (epochs_done + 1e-3) / settings.warmup_epochs)
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    low, high = settings.learning_rate_min, settings.learning_rate
    return warm * (low + (high - low) * cosine)


@torch.no_grad()
def update_average(average: SpectraNet, network: SpectraNet, decay: float) -> None:
    """Update the exponential moving average of the weights, in place."""
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)


def stop_figures(
    network: SpectraNet, stop: LabelledSpectra, grid: PreprocessConfig, names: Sequence[str]
) -> dict[str, float]:
    """Return macro-F1 and accuracy on the early-stop objects, and the blind redshift's σ_NMAD."""
    known, blind = (score(infer(network, stop, grid, mode), stop, names) for mode in MODES)
    return {
        "macro_f1": 0.5 * (known["macro_f1"] + blind["macro_f1"]),
        "accuracy_known": known["accuracy"],
        "accuracy_blind": blind["accuracy"],
        "redshift_nmad": blind["redshift"]["sigma_nmad"],
    }
