"""The command line: ``python -m classifier COMMAND``, also installed as ``spectranet COMMAND``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from classifier.errors import CheckpointError, DeviceError
from classifier.input_files import ManifestError

# Each command is a module of classifier.commands; only the chosen one is imported, because most load PyTorch.
COMMANDS = {
    "classify": "classify spectrum files",
    "data": "make a Parquet file of labelled spectra to train on",
    "train": "train a checkpoint",
    "evaluate": "measure a checkpoint on the objects held out of its training",
    "recalibrate": "calibrate a checkpoint again on the data that it was trained on",
    "hold-out": "train without a class and measure whether its spectra are flagged as new",
    "paper": "train the paper's network beside our own for the same time, and compare them",
    "library": "a library of named spectra: import it, measure it, match a spectrum with it",
    "host-light": "train the network that tells how much of a spectrum is its host's light",
    "bench": "measure the speed on this machine; prints JSON",
    "statistics": "compute the class statistics that simulated spectra use",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    arguments: words of the command line after the program's name, or None for those of this process.

    Returns the exit status: 0, or 2 for a usage error, a broken checkpoint or a missing device.
    """
    options = _parser(sys.argv[1:] if arguments is None else arguments).parse_args(arguments)
    try:
        status: int = options.run(options)
    except (ManifestError, CheckpointError, DeviceError) as error:
        print(f"classifier: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of the output has gone, as with `| head`. Without this, Python complains again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    called = Path(sys.argv[0]).name
    program = called if called == "spectranet" else "python -m classifier"
    parser = argparse.ArgumentParser(
        prog=program, description="Classify spectra of transients, and train and judge the classifier."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if arguments[:1] == [name]:
            module = importlib.import_module(f"classifier.commands.{name.replace('-', '_')}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
