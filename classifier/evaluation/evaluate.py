"""Measure a checkpoint on labelled spectra."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from classifier.checkpoint import files_hash, load_checkpoint, pick_device
from classifier.checkpoint_files import COMPARISON, HELD_OUT, read_figures
from classifier.errors import CheckpointError
from classifier.evaluation.evaluation import Evaluation
from classifier.evaluation.model_card import write_model_card
from classifier.evaluation.text_report import text_report
from classifier.training.dataset import read_labelled
from classifier.training.measured import Measured


def evaluate_checkpoint(
    folder: Path, data_paths: Sequence[Path], report: Path | None, *, device: str = "cpu", unseen: bool = False
) -> str:
    """Measure a checkpoint and return the figures as text.

    folder: the checkpoint's folder.
    data_paths: Parquet files of labelled spectra.
    report: file to write the model card to, or None. Its pictures go into ``images/`` beside it.
    device: "auto", "cpu" or "cuda".
    unseen: whether the files hold objects that were in no training. If not, the files are taken for those of the
        training, and each object is answered by the network that never saw it.

    Raises CheckpointError if the checkpoint cannot be loaded, or if its networks do not belong to folds.
    """
    checkpoint = load_checkpoint(folder)
    network, grid = checkpoint.network.to(pick_device(device)), checkpoint.grid
    read = read_labelled(data_paths, checkpoint.taxonomy.trained, grid)
    data, unlabelled = (read.take(torch.nonzero(rows).squeeze(1)) for rows in (read.labels >= 0, read.labels < 0))
    if unseen:
        measured = Measured.unseen(checkpoint, data)
    elif "out_of_fold" in checkpoint.metrics:
        measured = Measured.out_of_fold(network, grid, data, checkpoint.taxonomy, checkpoint.references)
    else:
        raise CheckpointError(f"{folder} was not trained in folds, so only --unseen objects can measure it")
    held_out, paper = read_figures(folder / HELD_OUT), read_figures(folder / COMPARISON)
    evaluation = Evaluation(checkpoint, measured, unlabelled, held_out, paper)
    lines = [text_report({str(mode): scored for mode, scored in evaluation.figures.items()})]
    if not unseen and files_hash(data_paths) != checkpoint.metrics["data"]["sha256"]:
        lines.append("Beware: these are not the files of the training. For objects that were in none, use --unseen.")
    if report:
        write_model_card(evaluation, report)
        lines.append(f"model card: {report}")
    return "\n\n".join(lines)
