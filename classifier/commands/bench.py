"""``bench``: the classifier's speed on this machine, as JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from classifier.commands.options import add_checkpoint_options
from classifier.evaluation.bench import bench


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--library", type=Path, metavar="FILE", help="compare with this library of named spectra too")
    add_checkpoint_options(parser)


def run(options: argparse.Namespace) -> int:
    """Measure and print."""
    print(json.dumps(bench(options.checkpoint, options.device, options.batch, options.library), indent=1))
    return 0
