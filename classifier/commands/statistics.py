"""``statistics``: what simulated spectra are drawn from."""

from __future__ import annotations

import argparse
from pathlib import Path

from classifier.commands.options import add_data_option
from classifier.preprocess import PreprocessConfig
from classifier.simulation.class_statistics import compute_statistics
from classifier.taxonomy import load_taxonomy
from classifier.training.dataset import read_labelled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    add_data_option(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")


def run(options: argparse.Namespace) -> int:
    """Compute the statistics, write them, and print each class and phase bin that has some."""
    names = load_taxonomy().trained
    data = read_labelled(options.data, names, PreprocessConfig())
    for name, phase in compute_statistics(data, names, options.out):
        print(f"{name}, phase bin {phase}")
    return 0
