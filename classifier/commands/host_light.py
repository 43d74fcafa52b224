"""``host-light``: train the network that tells a spectrum's host light, make the galaxies' eigenspectra, and measure
both.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from classifier import host_spectrum
from classifier.checkpoint import SHIPPED as CHECKPOINT
from classifier.checkpoint import load_checkpoint
from classifier.commands.options import add_data_option
from classifier.evaluation.host_light import accuracy_without_host
from classifier.host_light import SHIPPED, measured
from classifier.training.dataset import read_labelled
from classifier.training.host_light import galaxies_of, make_eigenspectra, save, train


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    add_data_option(parser)
    parser.add_argument("--out", type=Path, default=SHIPPED.parent, help="folder that is written to; default: ours")
    parser.add_argument("--measure", action="store_true", help="write nothing, and measure what is shipped")


def run(options: argparse.Namespace) -> int:
    """Print what is measured as JSON, after training and writing unless what is shipped is to be measured."""
    checkpoint = load_checkpoint(CHECKPOINT)
    data = read_labelled(options.data, checkpoint.taxonomy.trained, host_spectrum.GRID)
    if options.measure:
        figures = measured() | {"accuracy": accuracy_without_host(data, checkpoint)}
    else:
        network, figures = train(data, checkpoint)
        save(network, figures, options.out / SHIPPED.name)
        spectra = make_eigenspectra(galaxies_of(data, checkpoint)).astype(np.float16)
        save_file({"spectra": spectra}, options.out / host_spectrum.SHIPPED.name)
    print(json.dumps(figures, indent=1))
    return 0
