"""Train a SpectraNet: reads top to bottom.

The recipe follows AppleCiDEr II (arXiv 2510.07215): class-balanced focal loss, AdamW, warm-up and cosine, a moving
average of the weights, gradient clipping, early stop on macro-F1; split by object, never by spectrum.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from classifier.augment import AugmentConfig, augment, random_frames
from classifier.blend import BlendConfig, Blender
from classifier.calibration import Calibration, fit_calibration
from classifier.checkpoint import Checkpoint, data_hash, save_checkpoint
from classifier.dataset import LabelledSpectra, joined, read_labelled, sampling_weights, split_by_object
from classifier.evaluate import infer, infer_both, measure, score
from classifier.losses import effective_number_weights, focal_loss, redshift_loss
from classifier.network import Ensemble, SpectraNet, SpectraNetConfig
from classifier.outputs import MODES
from classifier.preprocess import PreprocessConfig, network_input
from classifier.taxonomy import load_taxonomy
from classifier.templates import make_templates

PRESETS = ("compact",)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Numbers of the recipe. members: networks of the ensemble; epoch_size: spectra drawn in an epoch; minutes: for
    each member at most, None for no limit."""

    preset: str = "compact"
    members: int = 3
    epochs: int = 45
    epoch_size: int = 12000
    batch_size: int = 128
    learning_rate: float = 1e-3
    learning_rate_min: float = 1e-5
    weight_decay: float = 0.03
    warmup_epochs: float = 1.0
    ema: float = 0.995
    clip: float = 1.0
    gamma: float = 1.0
    beta: float = 0.9999
    smoothing: float = 0.03
    redshift_weight: float = 0.4
    object_power: float = 0.6
    class_power: float = 0.35
    patience: int = 15
    seed: int = 1
    bfloat16: bool = True
    minutes: float | None = None
    augment: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)
    blend: BlendConfig = dataclasses.field(default_factory=BlendConfig)


def train(data_path: Path, out: Path, settings: TrainConfig, more: LabelledSpectra | None = None) -> Checkpoint:
    """Train, calibrate, measure on the test objects, and write the checkpoint into the folder ``out``. more: spectra to
    train on besides; the split of the file is the same with and without them.

    The first member stops early on the stop objects and so finds how many epochs are enough; the others train that
    long on those objects too.
    """
    taxonomy = load_taxonomy()
    grid = PreprocessConfig()
    data = read_labelled(data_path, taxonomy.trained, grid)
    parts = split_by_object(data)
    started = time.monotonic()
    seen = data.take(parts["train"])
    seen = joined(seen, more) if more else seen
    first, history = fit(seen, data.take(parts["stop"]), settings, grid)
    members, histories = [first], [history]
    enough = max(history, key=lambda figures: figures["macro_f1"])["epoch"]
    for number in range(1, settings.members):
        changed = dataclasses.replace(settings, seed=settings.seed + number, epochs=enough)
        member, history = fit(joined(seen, data.take(parts["stop"])), None, changed, grid)
        members.append(member)
        histories.append(history)
    training = {
        "command": f"python -m classifier train --data {data_path.name} --preset {settings.preset}",
        "minutes": round((time.monotonic() - started) / 60, 1),
        "threads": torch.get_num_threads(),
        "settings": dataclasses.asdict(settings),
        "histories": histories,
        "added": len(more) if more else 0,
    }
    described = {"training": training, "data": {"file": data_path.name, "sha256": data_hash(data_path)}}
    checkpoint = finish(members, data, grid, described)
    save_checkpoint(checkpoint, out)
    return checkpoint


def finish(
    members: Sequence[SpectraNet], data: LabelledSpectra, grid: PreprocessConfig, described: dict[str, Any]
) -> Checkpoint:
    """Templates, calibration and test figures for trained members; ``described`` goes into the metrics."""
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
    return Checkpoint(network, templates, grid, taxonomy, calibration, metrics)


def calibrate(network: Ensemble, data: LabelledSpectra, grid: PreprocessConfig) -> Calibration:
    """Fit the calibration of both modes on ``data``."""
    outputs = infer_both(network, data, grid)
    return fit_calibration(outputs, data.labels.numpy(), data.redshift.numpy(), data.object_ids)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and PyTorch."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def fit(
    data: LabelledSpectra, stop: LabelledSpectra | None, settings: TrainConfig, grid: PreprocessConfig
) -> tuple[SpectraNet, list[dict[str, Any]]]:
    """Train a network on ``data`` until macro-F1 on ``stop`` rises no more (None: for all epochs); returns the best
    (last) averaged weights and a line of figures for each epoch."""
    seed_everything(settings.seed)
    taxonomy = load_taxonomy()
    network = SpectraNet(SpectraNetConfig.compact(len(taxonomy.trained)))
    generator = torch.Generator().manual_seed(settings.seed)
    counts = torch.bincount(data.labels[data.labels >= 0], minlength=len(taxonomy.trained)).float()
    class_weights = effective_number_weights(counts, settings.beta) ** (1 - settings.class_power)
    draw = sampling_weights(data, object_power=settings.object_power, class_power=settings.class_power)
    galactic = torch.tensor([taxonomy[name].group == "Galactic" for name in taxonomy.trained] + [False])
    hosted = galactic.logical_not()
    hosted[[taxonomy.trained.index("Galaxy"), -1]] = False
    blender = Blender.of(data, taxonomy.trained.index("Galaxy"), hosted, draw, settings.blend, grid)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    average = copy.deepcopy(network).eval()
    best, best_score, since_best = copy.deepcopy(average.state_dict()), -1.0, 0
    history: list[dict[str, Any]] = []
    started = time.monotonic()
    steps = settings.epoch_size // settings.batch_size
    for epoch in range(settings.epochs):
        network.train()
        rows = torch.multinomial(draw, steps * settings.batch_size, replacement=True, generator=generator)
        losses = []
        bar = tqdm(range(steps), desc=f"epoch {epoch + 1}/{settings.epochs}", unit="batch", mininterval=5)
        for step in bar:
            elapsed = (time.monotonic() - started) / 60
            progress = (epoch + step / steps) / settings.epochs
            if settings.minutes:
                progress = max(progress, elapsed / settings.minutes)
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(progress, epoch + step / steps, settings)
            batch = rows[step * settings.batch_size : (step + 1) * settings.batch_size]
            loss = batch_loss(network, blender, batch, class_weights, galactic, settings, grid, generator)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
            optimiser.step()
            update_average(
                average, network, min(settings.ema, (1 + epoch * steps + step) / (10 + epoch * steps + step))
            )
            losses.append(float(loss.detach()))
            bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", refresh=False)
        figures = {"epoch": epoch + 1, "loss": float(np.mean(losses))}
        if stop is not None:
            figures |= stop_figures(average, stop, grid, taxonomy.trained)
        history.append(figures)
        print({key: round(value, 4) for key, value in figures.items()}, flush=True)
        since_best += 1
        if stop is None:
            best, since_best = average.state_dict(), 0
        elif figures["macro_f1"] > best_score:
            best, best_score, since_best = copy.deepcopy(average.state_dict()), figures["macro_f1"], 0
        out_of_time = settings.minutes and (time.monotonic() - started) / 60 >= settings.minutes
        if since_best >= settings.patience or out_of_time:
            break
    average.load_state_dict(best)
    return average, history


def learning_rate(progress: float, epochs_done: float, settings: TrainConfig) -> float:
    """Linear warm-up, then half a cosine down to ``learning_rate_min``; progress runs 0..1 over the training."""
    warm = min(1.0, (epochs_done + 1e-3) / settings.warmup_epochs)
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    low, high = settings.learning_rate_min, settings.learning_rate
    return warm * (low + (high - low) * cosine)


def batch_loss(
    network: SpectraNet,
    blender: Blender,
    rows: Tensor,
    class_weights: Tensor,
    galactic: Tensor,
    settings: TrainConfig,
    grid: PreprocessConfig,
    generator: torch.Generator,
) -> Tensor:
    """Loss of one batch of rows, augmented, each in the rest frame or the observed one by chance."""
    data = blender.data
    labels = data.labels[rows]
    flux, covered = augment(*blender.batch(rows, generator), settings.augment, grid, generator)
    shift, rest, log1pz = random_frames(data.redshift[rows], galactic[labels], settings.augment, generator)
    x = network_input(flux, covered, shift, rest, grid)
    # Half the time on a CPU with bfloat16 instructions, and as good: the weights and the loss stay in float32.
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=settings.bfloat16):
        output = network(x)
    class_logits, redshift_logits = network.split(output.float())
    loss = focal_loss(class_logits, labels, class_weights, settings.gamma, settings.smoothing)
    usable = (rest == 0) & log1pz.isfinite()
    return loss + settings.redshift_weight * redshift_loss(
        redshift_logits, log1pz.nan_to_num(-9.0).float(), usable, network.config
    )


@torch.no_grad()
def update_average(average: SpectraNet, network: SpectraNet, decay: float) -> None:
    """Exponential moving average of the weights, in place."""
    for kept, new in zip(average.parameters(), network.parameters(), strict=True):
        kept.lerp_(new, 1 - decay)


def stop_figures(
    network: SpectraNet, stop: LabelledSpectra, grid: PreprocessConfig, names: Sequence[str]
) -> dict[str, float]:
    """Macro-F1 and accuracy on the early-stop objects, and the blind redshift's σ_NMAD."""
    known, blind = (score(infer(network, stop, grid, mode), stop, names) for mode in MODES)
    return {
        "macro_f1": 0.5 * (known["macro_f1"] + blind["macro_f1"]),
        "accuracy_known": known["accuracy"],
        "accuracy_blind": blind["accuracy"],
        "redshift_nmad": blind["redshift"]["sigma_nmad"],
    }
