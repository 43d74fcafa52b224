"""Run a network over labelled spectra and measure what it says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from classifier.calibration import Calibration
from classifier.ensemble import Ensemble
from classifier.network import SpectraNet
from classifier.outputs import Mode, Outputs, both_frames, redshift_from_bins
from classifier.preprocess import PreprocessConfig, network_input
from classifier.training.dataset import LabelledSpectra

# |Δz| / (1 + z) beyond this is an outlier.
OUTLIER = 0.02
# A class with fewer spectra than this does not count in macro-F1, unless all are that small.
MACRO_MIN = 10


@torch.inference_mode()
def infer(
    network: SpectraNet | Ensemble,
    data: LabelledSpectra,
    grid: PreprocessConfig,
    mode: Mode,
    *,
    batch_size: int = 256,
) -> Outputs:
    """Return outputs for every row of ``data`` in one mode: "known" uses the row's redshift, "blind" does not."""
    network.eval()
    if mode == "known":
        return infer_both(network, data, grid, batch_size=batch_size)["known"]
    observed, redshift = _passes(network, data, grid, torch.zeros(len(data)), 0.0, batch_size)
    return Outputs(observed, *redshift_from_bins(redshift, network.config))


@torch.inference_mode()
def infer_both(
    network: SpectraNet | Ensemble, data: LabelledSpectra, grid: PreprocessConfig, *, batch_size: int = 256
) -> dict[Mode, Outputs]:
    """Return the outputs of both modes, for two passes in all."""
    blind = infer(network, data, grid, "blind", batch_size=batch_size)
    rest, _ = _passes(network, data, grid, torch.log1p(data.redshift).nan_to_num(0.0), 1.0, batch_size)
    logits = both_frames(rest, blind.logits)
    logits[~data.redshift.isfinite().numpy()] = np.nan
    known = dataclasses.replace(blind, logits=logits, redshift=np.full_like(blind.redshift, np.nan))
    return {"known": known, "blind": blind}


def _passes(
    network: SpectraNet | Ensemble,
    data: LabelledSpectra,
    grid: PreprocessConfig,
    shift: Tensor,
    rest_frame: float,
    batch_size: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return class and redshift logits of all rows, each shifted by its ln(1 + z)."""
    device = next(network.parameters()).device
    logits, redshift = [], []
    for start in range(0, len(data), batch_size):
        rows = slice(start, start + batch_size)
        rest = torch.full_like(shift[rows], rest_frame)
        flux, covered = data.flux[rows].to(device), data.covered[rows].to(device)
        x = network_input(flux, covered, shift[rows].to(device), rest.to(device), grid)
        class_logits, redshift_logits = network.split(network(x))
        logits.append(class_logits.double().cpu().numpy())
        redshift.append(redshift_logits.double().cpu().numpy())
    return np.concatenate(logits), np.concatenate(redshift)


def score(outputs: Outputs, data: LabelledSpectra, names: Sequence[str]) -> dict[str, Any]:
    """Return accuracy, macro-F1 (over classes with at least ten spectra), figures by class, confusion, ECE and
    redshift.
    """
    labels = data.labels.numpy()
    rows = (labels >= 0) & np.isfinite(outputs.logits).all(1)
    probabilities, truth = outputs.probabilities[rows], labels[rows]
    predicted = probabilities.argmax(1)
    confusion = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(confusion, (truth, predicted), 1)
    classes = class_figures(confusion, names)
    every = [figures["f1"] for figures in classes.values()]
    counted = [figures["f1"] for figures in classes.values() if figures["spectra"] >= MACRO_MIN] or every
    return {
        "spectra": int(rows.sum()),
        "objects": len({data.object_ids[i] for i in np.flatnonzero(rows)}),
        "accuracy": float((predicted == truth).mean()),
        "macro_f1": float(np.mean(counted)),
        "ece": expected_calibration_error(probabilities.max(1), predicted == truth),
        "classes": classes,
        "confusion": confusion.tolist(),
        "names": list(names),
        "redshift": redshift_figures(outputs, data),
    }


def measure(
    network: SpectraNet | Ensemble,
    calibration: Calibration,
    data: LabelledSpectra,
    grid: PreprocessConfig,
    names: Sequence[str],
    mode: Mode,
) -> dict[str, Any]:
    """Return the ``score`` of one mode after calibration."""
    return score(calibration.apply_to(infer(network, data, grid, mode), mode), data, names)


def class_figures(confusion: NDArray[np.int_], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return recall, precision and F1 of each class that occurs. A ratio without a denominator is None, and F1 is then
    0.
    """
    figures = {}
    for i, name in enumerate(names):
        right, given, true = int(confusion[i, i]), int(confusion[:, i].sum()), int(confusion[i].sum())
        if true:
            figures[name] = {
                "spectra": true,
                "recall": right / true,
                "precision": right / given if given else None,
                "f1": 2 * right / (given + true),
            }
    return figures


def expected_calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 15) -> float:
    """Return the mean |accuracy - confidence| over bins of confidence, weighted by their counts (Guo et al. 2017)."""
    number = np.minimum((confidence * bins).astype(int), bins - 1)
    total = 0.0
    for i in np.unique(number):
        inside = number == i
        total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return float(total)


def redshift_figures(outputs: Outputs, data: LabelledSpectra) -> dict[str, Any]:
    """Return bias, σ_NMAD = 1.48 median|δ|, outliers and RMS of δ = Δz / (1 + z).

    They are over labelled rows with a redshift that the network trusts; ``given`` is the share of such rows.
    """
    truth = data.redshift.numpy()
    known = np.isfinite(truth) & (data.labels.numpy() >= 0)
    trusted = known & np.isfinite(outputs.redshift)
    delta = ((outputs.redshift - truth) / (1 + truth))[trusted]
    pulls = ((outputs.redshift - truth) / outputs.redshift_error)[trusted]
    if not delta.size:
        return {"given": 0.0}
    return {
        "given": float(trusted.sum() / known.sum()),
        "bias": float(np.median(delta)),
        "sigma_nmad": float(1.48 * np.median(np.abs(delta))),
        "outliers": float((np.abs(delta) > OUTLIER).mean()),
        "rms": float(np.sqrt((delta**2).mean())),
        "pull_width": float(1.48 * np.median(np.abs(pulls))),
    }


def text_report(figures: Mapping[str, dict[str, Any]]) -> str:
    """Return figures of ``score`` as text: a headline, a line for each class, and the confusion matrix."""
    return "\n\n".join(_mode_text(mode, scored) for mode, scored in figures.items())


def ratio(value: float | None) -> str:
    """Return a ratio with three decimals, or a dash if there is none."""
    return "-" if value is None else f"{value:.3f}"


def _mode_text(mode: str, scored: dict[str, Any]) -> str:
    z = scored["redshift"]
    lines = [
        f"redshift {mode}: {scored['spectra']} spectra of {scored['objects']} objects",
        f"accuracy {scored['accuracy']:.3f}   macro-F1 {scored['macro_f1']:.3f}   ECE {scored['ece']:.3f}",
    ]
    if z["given"]:
        lines.append(
            f"network's redshift: given for {z['given']:.1%}, bias {z['bias']:+.4f}, σ_NMAD {z['sigma_nmad']:.4f}, "
            f"outliers {z['outliers']:.1%}, RMS {z['rms']:.4f}, pull width {z['pull_width']:.2f}"
        )
    lines.append(f"\n{'class':12} {'spectra':>8} {'recall':>8} {'precision':>10} {'F1':>6}")
    for name, row in scored["classes"].items():
        precision = ratio(row["precision"])
        lines.append(f"{name:12} {row['spectra']:8} {row['recall']:8.3f} {precision:>10} {row['f1']:6.3f}")
    lines.append("\nconfusion (rows true, columns predicted)")
    width = max(len(name) for name in scored["names"]) + 1
    lines.append(" " * width + " ".join(f"{name[-7:]:>7}" for name in scored["names"]))
    for name, counts in zip(scored["names"], scored["confusion"], strict=True):
        lines.append(f"{name:{width}}" + " ".join(f"{count or '.':>7}" for count in counts))
    return "\n".join(lines)
