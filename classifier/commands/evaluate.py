"""``evaluate``: figures of a checkpoint, and its model card."""

from __future__ import annotations

import argparse
from pathlib import Path

from classifier.checkpoint_files import SHIPPED
from classifier.commands.options import add_checkpoint_options, add_data_option
from classifier.evaluation.evaluate import evaluate_checkpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    add_data_option(parser)
    parser.add_argument("--unseen", action="store_true", help="the data hold objects that were in no training")
    parser.add_argument("--report", type=Path, metavar="FILE.md", help="write the model card and its pictures")
    add_checkpoint_options(parser)


def run(options: argparse.Namespace) -> int:
    """Evaluate the checkpoint and print its figures."""
    folder = options.checkpoint or SHIPPED
    said = evaluate_checkpoint(folder, options.data, options.report, device=options.device, unseen=options.unseen)
    print(said)
    return 0
