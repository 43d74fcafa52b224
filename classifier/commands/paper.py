"""``paper``: the paper's network beside our own shapes, for the same time on the same folds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from classifier.checkpoint import SHIPPED, pick_device
from classifier.checkpoint_files import COMPARISON, write_figures
from classifier.commands.options import add_data_option, add_device_option
from classifier.evaluation.paper_comparison import PRESETS_COMPARED, compare
from classifier.taxonomy import load_taxonomy
from classifier.training.config import TrainConfig
from classifier.training.dataset import read_labelled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    add_data_option(parser)
    parser.add_argument("--presets", nargs="+", default=PRESETS_COMPARED, choices=PRESETS_COMPARED)
    parser.add_argument("--minutes", type=float, default=60.0, help="time limit for the training of each network")
    parser.add_argument("--epochs", type=int, default=28)
    parser.add_argument("--epoch-size", type=int, default=12000, help="number of spectra drawn in an epoch")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--objects", type=int, default=1500, help="number of objects to measure on")
    add_device_option(parser)
    parser.add_argument("--checkpoint", type=Path, help="folder the figures are written to; default: the shipped one")


def run(options: argparse.Namespace) -> int:
    """Train each network, print the figures as JSON and write them into the checkpoint's folder."""
    settings = TrainConfig(
        preset=PRESETS_COMPARED[0],
        minutes=options.minutes,
        epochs=options.epochs,
        epoch_size=options.epoch_size,
        batch_size=options.batch_size,
    )
    names = load_taxonomy().trained
    read = read_labelled(options.data, names, settings.grid)
    data = read.take(torch.nonzero(read.labels >= 0).squeeze(1))
    found = compare(data, names, settings, options.presets, options.objects, pick_device(options.device))
    write_figures(found, (options.checkpoint or SHIPPED) / COMPARISON)
    print(json.dumps(found, indent=1))
    return 0
