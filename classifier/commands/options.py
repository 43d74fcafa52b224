"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from classifier.spectrum import PLAUSIBLE_REDSHIFTS, is_plausible_redshift


def add_checkpoint_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--checkpoint`` and ``--device``; the environment gives their defaults."""
    checkpoint = os.environ.get("CLASSIFIER_CHECKPOINT")
    parser.add_argument("--checkpoint", type=Path, default=checkpoint or None, help="default: the shipped one")
    add_device_option(parser)


def add_device_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``; the environment gives its default."""
    device = os.environ.get("CLASSIFIER_DEVICE")
    parser.add_argument("--device", default=device or "auto", choices=("auto", "cpu", "cuda"))


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Add the required ``--data``, which may be given several times."""
    text = "Parquet file of labelled spectra; may be given several times"
    parser.add_argument("--data", type=Path, required=True, action="append", metavar="FILE.parquet", help=text)


def plausible_redshift(text: str) -> float:
    """Return the redshift that an option gives. Raises ArgumentTypeError or ValueError if it cannot be one."""
    value = float(text)
    if not is_plausible_redshift(value):
        raise argparse.ArgumentTypeError(f"a redshift lies {PLAUSIBLE_REDSHIFTS}, not {text}")
    return value
