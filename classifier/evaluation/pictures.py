"""Pictures of the model card, and of the trust in named matches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from classifier.outputs import MODES, Mode
from classifier.training.measured import Measured
from classifier.wilson import wilson

MODE_TITLES: dict[Mode, str] = {"known": "Redshift known", "blind": "Blind (no redshift)"}


def draw_reliability(measured: Measured, path: Path) -> None:
    """Draw how often the network is right, with the 95 % interval, against how sure it is, in fifteen bins, each object
    counted once.
    """
    figure = Figure(figsize=(6, 5.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    for mode in MODES:
        rows = measured.rows(mode)
        p = measured.outputs[mode].probabilities[rows]
        sure, right = p.max(1), p.argmax(1) == measured.data.labels.numpy()[rows]
        number, weights = np.minimum((sure * 15).astype(int), 14), measured.weights(rows)
        points = []
        for i in np.unique(number):
            inside = number == i
            objects, hits = weights[inside].sum(), weights[inside] @ right[inside]
            points.append((weights[inside] @ sure[inside] / objects, hits / objects, *wilson(hits, objects)))
        x, y, low, high = np.array(points).T
        axes.errorbar(x, y, yerr=np.maximum([y - low, high - y], 0), marker="o", capsize=3, label=MODE_TITLES[mode])
    axes.set(xlabel="probability of the predicted class", ylabel="share of right predictions", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    figure.savefig(path, dpi=110)


def draw_trust(by_trust: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw how often the class of the best named match is right, with the 95 % interval, against the trust stated.

    by_trust: rows that ``classifier.library.measure`` reports.
    """
    figure = Figure(figsize=(6, 5.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    for redshift, marker in (("known", "o"), ("estimated", "s")):
        rows = [row for row in by_trust if row["redshift"] == redshift]
        x, y = (np.array([row[name] for row in rows]) for name in ("stated", "right"))
        low, high = np.array([row["interval"] for row in rows]).T
        label = f"redshift {redshift}"
        axes.errorbar(x, y, yerr=np.maximum([y - low, high - y], 0), marker=marker, capsize=3, label=label)
    axes.set(xlabel="trust stated", ylabel="share of matches whose class is right", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    figure.savefig(path, dpi=110)


def draw_confusion(scored: dict[str, Any], title: str, path: Path) -> None:
    """Draw a confusion matrix: shades are shares of the row, numbers are objects. Empty classes are left out.

    scored: figures of ``classifier.training.scoring.score``.
    """
    confusion = np.array(scored["confusion"])
    rows = confusion.sum(1) > 0
    names = [name for name, kept in zip(scored["names"], rows, strict=True) if kept]
    counts = confusion[rows][:, rows]
    shares = counts / confusion[rows].sum(1, keepdims=True)
    figure = Figure(figsize=(8.5, 7.5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(counts):
        if round(count):
            colour = "white" if shares[i, j] > 0.55 else "black"
            axes.text(j, i, str(round(count)), ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="true", title=f"{title}: accuracy {scored['accuracy']:.3f}")
    figure.savefig(path, dpi=110)
