"""``train``: a checkpoint from labelled spectra."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from classifier.checkpoint import pick_device
from classifier.commands.options import add_data_option, add_device_option
from classifier.training.config import TrainConfig
from classifier.training.presets import PRESETS
from classifier.training.scoring import text_report
from classifier.training.train import train


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    add_data_option(parser)
    parser.add_argument("--preset", default="compact", choices=tuple(PRESETS), help="shape of the network")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the checkpoint to")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--minutes", type=float, help="finish each member within this many minutes")
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="DIR",
        help="folder with the state of the training; a training that was killed goes on from it "
        "(default: a new folder under var/training)",
    )
    add_device_option(parser)


def run(options: argparse.Namespace) -> int:
    """Train, write the checkpoint, and print its figures on the test objects."""
    chosen = {"epochs": options.epochs} if options.epochs else {}
    settings = TrainConfig(preset=options.preset, seed=options.seed, minutes=options.minutes, **chosen)
    run = options.resume or Path("var") / "training" / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{options.preset}"
    print(f"state of the training: {run} (to go on after a stop: the same command with --resume {run})", flush=True)
    device = pick_device(options.device)
    checkpoint = train(options.data, options.out, settings, device=device, run=run)
    print(text_report(checkpoint.metrics["test"]))
    return 0
