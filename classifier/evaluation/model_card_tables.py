"""Tables of the model card. Each function measures one thing and returns Markdown."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from classifier.checkpoint import Checkpoint
from classifier.crosscheck import CrossCheck
from classifier.evaluation.degraded_spectra import signal_to_noise, variants
from classifier.evaluation.merged_classes import merged
from classifier.evaluation.text_report import interval, ratio
from classifier.fusion import fuse
from classifier.outputs import MODES, Mode
from classifier.preprocess import PreprocessConfig, resample_arrays
from classifier.taxonomy import Taxonomy
from classifier.training.dataset import LabelledSpectra
from classifier.training.inference import infer
from classifier.training.measured import Measured
from classifier.training.scoring import OUTLIER, score
from classifier.training.templates import rest_frame_ages
from classifier.wilson import wilson

AGE_BINS = ((0, 3), (3, 10), (10, 25), (25, 60), (60, 150), (150, 2000))
# A class with fewer objects than this is shown with its group.
OWN_ROW = 30
# Kinds of transients, as archives name them, that the taxonomy does not train.
UNTRAINED_KINDS = ("18cow", "20xnd", "17gfo", "LBV", "LRN", "Icn")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def merged_table(measured: Measured, taxonomy: Taxonomy) -> str:
    """Return the figures with those classes merged that other classifiers do not separate."""
    rows: list[Sequence[object]] = []
    for mode in MODES:
        scored = score(*merged(measured.outputs[mode], measured.data, taxonomy))
        figures = [interval(scored[key], scored["intervals"][key]) for key in ("accuracy", "macro_f1")]
        by_spectrum = [f"{scored['by_spectrum'][key]:.3f}" for key in ("accuracy", "macro_f1")]
        rows.append((mode, *figures, f"{scored['ece']:.3f}", *by_spectrum))
    return table(["redshift", "accuracy", "macro-F1", "ECE", "accuracy by spectrum", "macro-F1 by spectrum"], rows)


def conformal_table(measured: Measured, taxonomy: Taxonomy) -> str:
    """Return the coverage of the 90 % sets by class and their mean size. Small classes are shown with their group."""
    names = taxonomy.trained
    lines = []
    for mode in MODES:
        rows = measured.rows(mode)
        labels, weights = measured.data.labels.numpy()[rows], measured.weights(rows)
        sets = measured.conformal_sets(mode, rows, names)
        hits = np.array([names[label] in found for label, found in zip(labels, sets, strict=True)])
        objects = np.bincount(labels, weights, len(names))
        shown = [
            name if objects[i] >= OWN_ROW else f"small classes of {taxonomy[name].group}"
            for i, name in enumerate(names)
        ]
        of_row = np.array(shown)[labels]
        for title in [*sorted(set(of_row)), "all"]:
            inside = (of_row == title) | (title == "all")
            covered, total = float(weights[inside] @ hits[inside]), float(weights[inside].sum())
            low, high = wilson(covered, total)
            lines.append([mode, title, f"{total:.0f}", f"{covered / total:.3f}", f"{low:.2f}-{high:.2f}"])
        size = np.average([len(found) for found in sets], weights=weights)
        lines.append([mode, "*mean size of a set*", f"{weights.sum():.0f}", f"{size:.2f}", ""])
    return table(("mode", "class", "objects", "coverage", "95 % interval"), lines)


def robustness_table(measured: Measured, galaxies: LabelledSpectra, grid: PreprocessConfig, taxonomy: Taxonomy) -> str:
    """Return accuracy and macro-F1 of degraded spectra."""
    lines = []
    for name, change in ("as observed", None), *variants(galaxies, grid).items():
        changed = measured.changed(change) if change else measured
        figures = [score(changed.outputs[mode], changed.data, taxonomy.trained) for mode in MODES]
        lines.append([name, *(f"{f[key]:.3f}" for f in figures for key in ("accuracy", "macro_f1"))])
    head = ("spectra", "accuracy, z known", "macro-F1", "accuracy, blind", "macro-F1")
    return table(head, lines)


def age_table(measured: Measured) -> str:
    """Return the accuracy by rest-frame days since the object's first spectrum, each object once in each row."""
    ages = rest_frame_ages(measured.data).numpy()
    lines = []
    for first, last in AGE_BINS:
        cells: list[object] = [f"{first}-{last} d"]
        for mode in MODES:
            rows = measured.rows(mode)
            rows = rows[(ages[rows] >= first) & (ages[rows] < last)]
            cells += [len(rows), _accuracy(measured, mode, rows)]
        lines.append(cells)
    return table(("age", "spectra", "accuracy, z known", "spectra", "accuracy, blind"), lines)


def instrument_table(measured: Measured, most: int = 12) -> str:
    """Return the accuracy by instrument, for the commonest ones."""
    rows = measured.rows("blind")
    names = Counter(measured.data.instruments[row] for row in rows)
    lines = []
    for name, count in names.most_common(most):
        of_it = rows[[measured.data.instruments[row] == name for row in rows]]
        lines.append([name.replace("|", "/"), count, _accuracy(measured, "blind", of_it)])
    return table(("instrument", "spectra", "accuracy, blind"), lines)


def _accuracy(measured: Measured, mode: Mode, rows: NDArray[np.int_]) -> str:
    if not len(rows):
        return "-"
    right = measured.outputs[mode].probabilities[rows].argmax(1) == measured.data.labels.numpy()[rows]
    return f"{np.average(right, weights=measured.weights(rows)):.3f}"


def plateau_table(measured: Measured, taxonomy: Taxonomy) -> str:
    """Return the recall of SN II for spectra that the archive calls IIP."""
    lines = []
    for mode in MODES:
        every = measured.rows(mode)
        rows = every[[measured.data.raw_labels[row].replace(" ", "").endswith("IIP") for row in every]]
        if len(rows):
            predicted = measured.outputs[mode].probabilities[rows].argmax(1)
            weights = measured.weights(rows)
            right, objects = float(weights @ (predicted == taxonomy.trained.index("SN II"))), float(weights.sum())
            low, high = wilson(right, objects)
            lines.append([mode, len(rows), f"{objects:.0f}", f"{right / objects:.3f}", f"{low:.2f}-{high:.2f}"])
    return table(("mode", "IIP spectra", "objects", "called SN II", "95 % interval"), lines)


def parents_table(measured: Measured, taxonomy: Taxonomy) -> str:
    """Return the accuracy of the group alone."""
    groups = sorted({taxonomy[name].group for name in taxonomy.trained})
    member = np.array([groups.index(taxonomy[name].group) for name in taxonomy.trained])
    one_hot = np.eye(len(groups))[member]
    lines = []
    for mode in MODES:
        rows = measured.rows(mode)
        predicted = (measured.outputs[mode].probabilities[rows] @ one_hot).argmax(1)
        truth, weights = member[measured.data.labels.numpy()[rows]], measured.weights(rows)
        right = weights * (predicted == truth)
        shares = [f"{right[truth == i].sum() / weights[truth == i].sum():.3f}" for i in np.unique(truth)]
        lines.append([mode, f"{right.sum() / weights.sum():.3f}", *shares])
    present = [groups[i] for i in np.unique(truth)]
    return table(("mode", "accuracy of the parent", *(f"recall, {group}" for group in present)), lines)


def crosscheck_table(measured: Measured, rows: NDArray[np.int_], check: CrossCheck) -> str:
    """Return the accuracy of the template cross-check, blind, by score, and how much its agreement with the network is
    worth.

    rows: labelled rows whose objects are in none of the templates.
    """
    data = measured.data
    matches = check.compare(data.flux[rows], data.covered[rows], [None] * len(rows)).matches
    kept = [i for i, match in enumerate(matches) if match is not None]
    found = [match for match in matches if match is not None]
    rows = rows[kept]
    labels, truth = data.labels.numpy()[rows], data.redshift.numpy()[rows]
    label = np.array([match.label for match in found])
    delta = (np.array([match.redshift for match in found], dtype=float) - truth) / (1 + truth)
    scores = np.array([match.score for match in found])
    network = measured.outputs["blind"].probabilities[rows].argmax(1)
    lines = []
    chosen: list[tuple[str, NDArray[np.bool_]]] = [("all", scores > 0)]
    chosen += [
        (f"score {low}-{high}", (scores >= low) & (scores < high)) for low, high in ((0, 10), (10, 12), (12, 15))
    ]
    chosen += [("score 15 and above", scores >= 15)]
    chosen += [("agrees with the network", label == network), ("disagrees with the network", label != network)]
    for name, part in chosen:
        if not part.any():
            continue
        z = np.abs(delta[part & np.isfinite(delta)])
        accuracies = [f"{(answer == labels)[part].mean():.3f}" for answer in (label, network)]
        redshift = [f"{1.48 * np.median(z):.4f}", f"{(z > OUTLIER).mean():.1%}"] if z.size else ["-", "-"]
        lines.append([name, int(part.sum()), *accuracies, *redshift])
    return table(("matches", "spectra", "its accuracy", "the network's", "σ_NMAD", "|Δz|/(1+z) > 0.02"), lines)


def fusion_table(measured: Measured) -> str:
    """Return the accuracy for each transient: from all its epochs together, and from its epoch of best signal-to-noise
    ratio.
    """
    quality = signal_to_noise(measured.data).numpy()
    lines = []
    for mode in MODES:
        p, labels = measured.outputs[mode].probabilities, measured.data.labels.numpy()
        epochs: dict[str, list[int]] = defaultdict(list)
        for row in measured.rows(mode):
            epochs[measured.data.object_ids[row]].append(int(row))
        several = [rows for rows in epochs.values() if len(rows) > 1]
        if not several:
            continue
        best = [p[max(rows, key=lambda row: float(quality[row]))].argmax() == labels[rows[0]] for rows in several]
        fused = [fuse(p[rows]) for rows in several]
        right = [f.probabilities.argmax() == labels[rows[0]] for f, rows in zip(fused, several, strict=True)]
        flagged = sum(bool(f.contradictory) for f in fused)
        lines.append([mode, len(several), f"{np.mean(best):.3f}", f"{np.mean(right):.3f}", flagged])
    head = ("mode", "transients with several epochs", "epoch of highest S/N", "epochs fused", "flagged contradictory")
    return table(head, lines)


def novelty_table(
    measured: Measured, checkpoint: Checkpoint, unlabelled: LabelledSpectra, held_out: Mapping[str, Mapping[str, float]]
) -> str:
    """Return how well the novelty separates known classes from what no network was trained on.

    unlabelled: spectra without a class, none of which was trained on.
    held_out: figures of classifier.evaluation.unseen_classes.
    """
    known = checkpoint.calibration.of("blind")
    rows = measured.rows("blind")
    familiar, weights = measured.novelties(rows), measured.weights(rows)
    lines = []
    for name, strange in {**_strangers(checkpoint.grid), **_unknown_kinds(unlabelled)}.items():
        novelty = known.novelty(infer(checkpoint.network, strange, checkpoint.grid, references=checkpoint.references))
        score = auroc(novelty, familiar, np.ones(len(strange)), weights)
        lines.append([name, len(strange), f"{score:.3f}"])
    for name, figures in held_out.items():
        lines.append([f"{name}, held out of the training", int(figures["spectra"]), f"{figures['auroc']:.3f}"])
    return table(("against known classes", "spectra", "AUROC"), lines)


def paper_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures of classifier.evaluation.paper_comparison, a row for each preset."""
    figures = ("accuracy", "macro_f1", "rms", "sigma_nmad")
    lines = [
        [name, row["device"], row["minutes"], row["drawn"], row["objects"], *(ratio(row.get(key)) for key in figures)]
        for name, row in found.items()
    ]
    head = (
        "preset",
        "device",
        "minutes",
        "spectra drawn",
        "objects",
        "accuracy",
        "macro-F1",
        "RMS of Δz/(1+z)",
        "σ_NMAD",
    )
    return table(head, lines)


def _unknown_kinds(unlabelled: LabelledSpectra) -> dict[str, LabelledSpectra]:
    """Return the spectra of kinds of transients that the taxonomy does not train, together and by kind."""
    kinds = np.array(unlabelled.raw_labels)
    rows = {"kinds that are not trained": np.isin(kinds, UNTRAINED_KINDS)} | {
        kind: kinds == kind for kind in UNTRAINED_KINDS
    }
    return {
        name: unlabelled.take(torch.from_numpy(np.flatnonzero(of_it))) for name, of_it in rows.items() if of_it.any()
    }


def auroc(
    positive: NDArray[np.float64],
    negative: NDArray[np.float64],
    positive_weights: NDArray[np.float64],
    negative_weights: NDArray[np.float64],
) -> float:
    """Return the share of pairs in which the positive one scores higher; ties count half.

    positive: (n,) scores. negative: (m,) scores.
    positive_weights: (n,) how much each counts. negative_weights: (m,) the same.
    """
    order = np.argsort(negative)
    low, weight = negative[order], np.append(0, np.cumsum(negative_weights[order]))
    below, up_to = (weight[np.searchsorted(low, positive, side)] for side in ("left", "right"))
    return float(np.average((below + up_to) / 2, weights=positive_weights) / weight[-1])


def _strangers(grid: PreprocessConfig, count: int = 100) -> dict[str, LabelledSpectra]:
    """Return simulated spectra of what is no transient."""
    random = np.random.default_rng(3)
    wavelength = np.arange(3600.0, 9200.0, 3.0)
    sky_lines = (5577.3, 5892.9, 6300.3, 6363.8, 6863.9, 7276.4, 7340.9, 7750.6, 7821.5, 7993.3, 8344.6, 8430.2, 8827.1)

    def noise() -> NDArray[np.float64]:
        return random.standard_normal(wavelength.size)

    def lamp() -> NDArray[np.float64]:
        slope = random.uniform(-1, 1)
        return (wavelength / 6000) ** slope * (1 + random.standard_normal(wavelength.size) / 200)

    def sky() -> NDArray[np.float64]:
        width = random.uniform(3, 8)
        flux = 0.2 + 0.05 * random.standard_normal(wavelength.size)
        for line in sky_lines:
            flux = flux + random.uniform(0.5, 5) * np.exp(-0.5 * ((wavelength - line) / width) ** 2)
        return flux

    result = {}
    for name, draw in {"white noise": noise, "a flat lamp": lamp, "a sky spectrum": sky}.items():
        drawn = [resample_arrays(wavelength, draw(), grid) for _ in range(count)]
        result[name] = LabelledSpectra(
            torch.from_numpy(np.stack([spectrum.flux for spectrum in drawn])),
            torch.from_numpy(np.stack([spectrum.covered for spectrum in drawn])),
            torch.full((count,), -1),
            torch.full((count,), float("nan"), dtype=torch.float64),
            (name,) * count,
            ("simulated",) * count,
            torch.full((count,), float("nan"), dtype=torch.float64),
            torch.zeros(count, dtype=torch.bool),
            ("",) * count,
        )
    return result
