"""Train a SpectraNet: reads top to bottom.

The recipe follows AppleCiDEr II (arXiv 2510.07215): class-balanced focal loss, AdamW, warm-up and cosine, a moving
average of the weights, gradient clipping. Each network of the ensemble leaves out one fold of the objects, which then
measures and calibrates it.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import multiprocessing
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from tqdm import tqdm

from classifier.checkpoint import Checkpoint, device_name, files_hash, save_checkpoint
from classifier.ensemble import Ensemble
from classifier.errors import CheckpointError
from classifier.network import SpectraNet
from classifier.outputs import MODES
from classifier.training.batches import Batches
from classifier.training.config import TrainConfig
from classifier.training.dataset import LabelledSpectra, joined, read_labelled
from classifier.training.folds import folds_of
from classifier.training.measured import Measured, calibrate
from classifier.training.references import make_references
from classifier.training.scoring import score
from classifier.training.state import TrainingState, claim
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
    jobs: int = 1,
    teachers: Sequence[Checkpoint] = (),
) -> Checkpoint:
    """Train an ensemble, calibrate and measure it, and write the checkpoint into a folder.

    data_paths: Parquet files of labelled spectra.
    out: folder to write to.
    more: further labelled spectra to train and calibrate on, or None. The figures are those of the files alone, so that
        they can be compared with the figures of a training without ``more``.
    device: where to train; None for the CPU.
    run: folder for the state of each network. Training goes on from the states that it holds already.
    jobs: number of networks that are trained at a time, each in a process of its own.
    teachers: checkpoints trained on the same folds. Each network learns from those of their networks that left out
        the same fold as it does, so that no network hears of the objects that measure it.

    Raises CheckpointError if ``run`` holds the states of a training with other settings, or if a teacher has another
    shape, other classes or other folds.
    """
    device = device or torch.device("cpu")
    read = read_labelled(data_paths, settings.taxonomy.trained, settings.grid)
    data = read.take(torch.nonzero(read.labels >= 0).squeeze(1))
    started = time.monotonic()
    members, histories = fit_folds(joined(data, more) if more else data, settings, device, run, jobs, teachers)
    training = _training_record(data_paths, settings, device) | {
        "minutes": round((time.monotonic() - started) / 60, 1),
        "jobs": jobs,
        "teachers": [teacher.hash for teacher in teachers],
        "histories": histories,
        "added": len(more) if more else 0,
    }
    files = {"file": " + ".join(path.name for path in data_paths), "sha256": files_hash(data_paths)}
    checkpoint = finish(members, data, more, settings, {"training": training, "data": files})
    save_checkpoint(checkpoint, out)
    return checkpoint


def _training_record(data_paths: Sequence[Path], settings: TrainConfig, device: torch.device) -> dict[str, Any]:
    """Return command, machine and settings of a training, for the checkpoint's metrics."""
    names = " ".join(f"--data {path.name}" for path in data_paths)
    return {
        "command": f"python -m classifier train {names} --preset {settings.preset} --folds {settings.folds} "
        f"--epochs {settings.epochs} --batch-size {settings.batch_size} "
        f"--learning-rate {settings.learning_rate:g} --seed {settings.seed}",
        "device": device_name(device),
        "settings": dataclasses.asdict(settings),
    }


def fit_folds(
    data: LabelledSpectra,
    settings: TrainConfig,
    device: torch.device,
    run: Path | None,
    jobs: int,
    teachers: Sequence[Checkpoint] = (),
) -> tuple[list[SpectraNet], list[list[dict[str, Any]]]]:
    """Train one network for each fold, on the other folds; return the networks and the figures of their epochs.

    Raises CheckpointError as ``train`` does.
    """
    for teacher in teachers:
        _check_teacher(teacher, settings)
    if run is not None:
        claim(run, dataclasses.asdict(settings) | {"teachers": [teacher.hash for teacher in teachers]})
    folds = folds_of(data, settings.folds)
    work = [
        (
            data.take(torch.nonzero(folds != fold).squeeze(1)),
            dataclasses.replace(settings, seed=settings.seed + fold),
            device,
            None if run is None else run / f"member-{fold + 1}.safetensors",
            Ensemble([cast(SpectraNet, teacher.network.members[fold]) for teacher in teachers]) if teachers else None,
        )
        for fold in range(settings.folds)
    ]
    if jobs == 1:
        found = [fit(*one) for one in work]
    else:
        context = torch.multiprocessing.get_context("spawn")
        threads = max(1, torch.get_num_threads() // jobs)
        with ProcessPoolExecutor(jobs, context, _start, (threads,)) as pool:
            found = list(pool.map(fit, *zip(*work, strict=True)))
    return [network.cpu() for network, _ in found], [history for _, history in found]


def _check_teacher(teacher: Checkpoint, settings: TrainConfig) -> None:
    wanted = (settings.network, settings.grid, tuple(settings.taxonomy.trained), settings.folds)
    held = (teacher.network.config, teacher.grid, tuple(teacher.taxonomy.trained), len(teacher.network.members))
    if held != wanted:
        raise CheckpointError(f"the teacher {teacher.name} has another shape, other classes or other folds")


def _start(threads: int) -> None:
    """Prepare a process that trains: it uses so many threads, and ends with the process that started it."""
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def finish(
    members: Sequence[SpectraNet],
    data: LabelledSpectra,
    more: LabelledSpectra | None,
    settings: TrainConfig,
    described: dict[str, Any],
) -> Checkpoint:
    """Return the checkpoint of trained networks, with templates, references, calibration and figures.

    data: spectra that they were trained on, and that the figures are of.
    more: further spectra that they were trained on, or None.
    described: further metrics to store.
    """
    taxonomy, grid = settings.taxonomy, settings.grid
    network = Ensemble(members).half().float()  # as it will be stored, so that what is measured is what is shipped
    trained = joined(data, more) if more else data
    references = make_references(network, trained, grid)
    measured = Measured.out_of_fold(network, grid, trained, taxonomy, references)
    every = np.ones(len(measured.data), dtype=bool)
    calibration = calibrate(measured.raw, measured.data, every, taxonomy, members=len(members))
    of_files = measured.take(np.arange(len(data)))
    metrics = described | {
        "spectra": len(data),
        "objects": len(set(data.object_ids)),
        "out_of_fold": {mode: score(of_files.outputs[mode], data, taxonomy.trained) for mode in MODES},
    }
    templates = make_templates(measured.data, len(taxonomy.trained), grid)
    return Checkpoint(network, templates, grid, taxonomy, calibration, metrics, references)


def fit(
    data: LabelledSpectra,
    settings: TrainConfig,
    device: torch.device,
    state_file: Path | None = None,
    teacher: Ensemble | None = None,
) -> tuple[SpectraNet, list[dict[str, Any]]]:
    """Train a network on ``data`` for all epochs.

    state_file: file for the state after each epoch; training goes on from the state that it holds. None stores nothing.
    teacher: networks whose answers are learnt beside the labels, or None.

    Returns the network with averaged weights, and the figures of each epoch.
    """
    torch.manual_seed(settings.seed)
    network = SpectraNet(settings.network).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    average = copy.deepcopy(network).eval()
    state = TrainingState(network, average, optimiser)
    if state_file is not None:
        state.load(state_file)
    batches = Batches(data.to(device), settings, teacher)
    started = time.monotonic()
    while not _is_done(state, settings, minutes=(time.monotonic() - started) / 60):
        state.history.append({"epoch": state.epoch + 1, "loss": _epoch(state, batches, settings, started)})
        if state_file is not None:
            state.save(state_file)
    return average, state.history


def _is_done(state: TrainingState, settings: TrainConfig, *, minutes: float) -> bool:
    late = settings.minutes is not None and state.epoch > 0 and minutes >= settings.minutes
    return late or state.epoch >= settings.epochs


def _epoch(state: TrainingState, batches: Batches, settings: TrainConfig, started: float) -> float:
    """Train for one epoch and return the mean loss."""
    # Each epoch has a seed of its own, so that a training that is resumed goes on as it would have.
    random = torch.Generator(batches.device).manual_seed(1_000 * settings.seed + state.epoch)
    torch.manual_seed(1_000 * settings.seed + state.epoch)
    state.network.train()
    drawn = batches.draw(settings.steps, random)
    total = torch.zeros((), device=batches.device)
    title = f"seed {settings.seed}, epoch {state.epoch + 1}/{settings.epochs}"
    bar = tqdm(range(settings.steps), title, unit="batch", mininterval=5)
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
