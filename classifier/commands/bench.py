"""``bench``: the classifier's speed on this machine, as JSON."""

from __future__ import annotations

import argparse
import json

from classifier.commands.options import add_checkpoint_options
from classifier.evaluation.bench import bench


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    parser.add_argument("--batch", type=int, default=32)
    add_checkpoint_options(parser)


def run(options: argparse.Namespace) -> int:
    """Measure and print."""
    print(json.dumps(bench(options.checkpoint, options.device, options.batch), indent=1))
    return 0
