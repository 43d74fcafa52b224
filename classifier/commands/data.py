"""``data import``: public archives as one Parquet file of labelled spectra."""

from __future__ import annotations

import argparse
from pathlib import Path

from classifier.taxonomy import load_taxonomy
from classifier.training.public_archives import import_archives

ARCHIVES = "Open Supernova Catalog, WISeREP, SNID templates"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    importing = actions.add_parser("import", help=f"public archives ({ARCHIVES}) as one Parquet file")
    importing.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="folders as the archives give them")
    importing.add_argument("--out", type=Path, required=True, metavar="FILE.parquet")


def run(options: argparse.Namespace) -> int:
    """Import the archives and print what was taken and what was left out."""
    print(import_archives(options.paths, options.out, load_taxonomy()).text())
    return 0
