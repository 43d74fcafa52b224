"""``hold-out``: is a class that the network has never seen flagged as new?"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from classifier.checkpoint import SHIPPED, load_checkpoint
from classifier.checkpoint_files import HELD_OUT, write_figures
from classifier.commands.options import add_data_option
from classifier.evaluation.unseen_classes import held_out_novelty
from classifier.training.config import TrainConfig
from classifier.training.dataset import read_labelled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    add_data_option(parser)
    parser.add_argument("--classes", nargs="+", required=True, metavar="CLASS")
    text = "whose shape is trained, and whose folder the figures are written to; default: the shipped one"
    parser.add_argument("--checkpoint", type=Path, help=text)


def run(options: argparse.Namespace) -> int:
    """Train once without each class, print the figures as JSON and write them into the checkpoint's folder."""
    folder = options.checkpoint or SHIPPED
    settings = TrainConfig(preset=load_checkpoint(folder).metrics["training"]["settings"]["preset"])
    names = settings.taxonomy.trained
    if unknown := set(options.classes) - set(names):
        print(f"classifier: no such class: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    data = read_labelled(options.data, names, settings.grid)
    figures = held_out_novelty(data, options.classes, names, settings)
    write_figures(figures, folder / HELD_OUT)
    print(json.dumps(figures, indent=1))
    return 0
