"""``train``: a checkpoint from labelled spectra."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from classifier.checkpoint import load_checkpoint, pick_device
from classifier.commands.options import add_data_option, add_device_option
from classifier.evaluation.text_report import redshift_text, text_report
from classifier.training.config import TrainConfig
from classifier.training.presets import PRESETS
from classifier.training.redshift import train_redshift
from classifier.training.train import train


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    add_data_option(parser)
    parser.add_argument(
        "--preset",
        default="compact",
        choices=tuple(PRESETS),
        help="shape of the network; paper: that of AppleCiDEr II with its ten classes, paper-taxonomy: with all, "
        "paper-redshift: its second network, which finds redshifts alone",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write the checkpoint to")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folds", type=int, default=5, help="number of networks, each of which leaves out one fold")
    parser.add_argument("--jobs", type=int, help="number of networks trained at a time (default: one for each core)")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch-size", type=int, help="spectra in a step; a GPU is quicker with more")
    parser.add_argument("--learning-rate", type=float, help="largest step size; it grows with the batch size")
    parser.add_argument("--minutes", type=float, help="finish each network within this many minutes")
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="DIR",
        help="folder with the state of the training; a training that was killed goes on from it "
        "(default: a new folder under var/training)",
    )
    parser.add_argument(
        "--teacher",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="checkpoint of the same preset and data that the new networks learn from, each from the network that left "
        "out the same fold; may be given several times",
    )
    add_device_option(parser)


def run(options: argparse.Namespace) -> int:
    """Train, write the checkpoint, and print its figures on objects that the answering network never saw."""
    if options.folds < 2:
        print("classifier: at least two folds are needed, so that each object is left out once", file=sys.stderr)
        return 2
    if options.resume and not any(options.resume.glob("*.safetensors")):
        print(f"classifier: {options.resume} holds no state of a training", file=sys.stderr)
        return 2
    given = {name: getattr(options, name) for name in ("epochs", "batch_size", "learning_rate")}
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = TrainConfig(
        preset=options.preset, folds=options.folds, seed=options.seed, minutes=options.minutes, **chosen
    )
    if options.teacher and not settings.network.classes:
        print("classifier: a network that finds redshifts alone has no teacher", file=sys.stderr)
        return 2
    run = options.resume or Path("var") / "training" / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{options.preset}"
    print(f"state of the training: {run} (to go on after a stop: the same command with --resume {run})", flush=True)
    device = pick_device(options.device)
    jobs = options.jobs or min(settings.folds, os.cpu_count() or 1)
    if not settings.network.classes:
        print(redshift_text(train_redshift(options.data, options.out, settings, device=device, run=run, jobs=jobs)))
        return 0
    teachers = [load_checkpoint(folder) for folder in options.teacher]
    checkpoint = train(options.data, options.out, settings, device=device, run=run, jobs=jobs, teachers=teachers)
    print(text_report(checkpoint.metrics["out_of_fold"]))
    return 0
