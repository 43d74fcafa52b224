"""``recalibrate``: a checkpoint with its calibration, templates, references and figures made anew."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import torch

from classifier.checkpoint import SHIPPED, files_hash, load_checkpoint, save_checkpoint
from classifier.commands.options import add_data_option
from classifier.errors import CheckpointError
from classifier.evaluation.text_report import text_report
from classifier.network import SpectraNet
from classifier.training.config import TrainConfig
from classifier.training.dataset import read_labelled
from classifier.training.train import finish


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    add_data_option(parser)
    parser.add_argument("--checkpoint", type=Path, help="folder that is changed; default: the shipped one")


def run(options: argparse.Namespace) -> int:
    """Calibrate the networks again on the data that they were trained on, and print the figures."""
    folder = options.checkpoint or SHIPPED
    checkpoint = load_checkpoint(folder)
    if "out_of_fold" not in checkpoint.metrics:
        raise CheckpointError(f"{folder} was not trained in folds, so no data can calibrate it")
    if files_hash(options.data) != checkpoint.metrics["data"]["sha256"]:
        raise CheckpointError("these are not the files of the training; give the same files in the same order")
    if added := checkpoint.metrics["training"].get("added"):
        raise CheckpointError(
            f"{folder} was also trained with {added} vetted spectra, which no file holds; retrain it instead"
        )
    settings = TrainConfig(preset=checkpoint.metrics["training"]["settings"]["preset"])
    read = read_labelled(options.data, settings.taxonomy.trained, settings.grid)
    data = read.take(torch.nonzero(read.labels >= 0).squeeze(1))
    members = [cast(SpectraNet, member) for member in checkpoint.network.members]
    again = finish(members, data, None, settings, checkpoint.metrics)
    save_checkpoint(again, folder)
    print(text_report(again.metrics["out_of_fold"]))
    return 0
