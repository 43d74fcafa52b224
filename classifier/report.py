"""The model card: what a checkpoint is, how it was made, and how well it does on objects it has never seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from classifier.checkpoint import SHIPPED, Checkpoint, data_hash, load_checkpoint
from classifier.dataset import LabelledSpectra, Part, read_labelled, split_by_object
from classifier.evaluate import ratio, score, text_report
from classifier.hold_out import read_held_out
from classifier.outputs import MODES, Mode
from classifier.tables import (
    Measured,
    age_table,
    conformal_table,
    crosscheck_table,
    fusion_table,
    instrument_table,
    merged_table,
    novelty_table,
    parents_table,
    plateau_table,
    robustness_table,
    wilson,
)
from classifier.taxonomy import load_taxonomy
from classifier.templates import rest_frame_ages

MODE_TITLES: dict[Mode, str] = {"known": "Redshift known", "blind": "Blind (no redshift)"}


def evaluate_checkpoint(folder: Path | None, data_path: Path, part: Part, report: Path | None) -> str:
    """Measure the checkpoint in ``folder`` (None: the shipped one) on one part of the data; returns the figures as
    text. With ``report``, writes the model card there and its pictures into ``images/`` beside it."""
    checkpoint = load_checkpoint(folder or SHIPPED)
    data = read_labelled(data_path, checkpoint.taxonomy.trained, checkpoint.grid)
    parts = split_by_object(data)
    measured = Measured.of(checkpoint, data.take(parts[part]))
    figures = {mode: score(measured.outputs[mode], measured.data, checkpoint.taxonomy.trained) for mode in MODES}
    trained_on = checkpoint.metrics["data"]["sha256"]
    lines = [text_report({str(mode): scored for mode, scored in figures.items()})]
    if data_hash(data_path) != trained_on:
        lines.append("Beware: this is not the file the checkpoint was trained on, so the split may differ.")
    if report:
        galaxies, held_out = _galaxies(data, parts, checkpoint), read_held_out(folder or SHIPPED)
        write_model_card(measured, figures, galaxies, held_out, report)
        lines.append(f"model card: {report}")
    return "\n\n".join(lines)


def _galaxies(data: LabelledSpectra, parts: dict[Part, Tensor], checkpoint: Checkpoint) -> LabelledSpectra:
    """Host galaxies for the robustness table, none of which was trained on."""
    rows = torch.cat([parts["calibrate"], parts["test"]])
    galaxy = checkpoint.taxonomy.trained.index("Galaxy")
    return data.take(rows[(data.labels[rows] == galaxy) & data.redshift[rows].isfinite()])


def write_model_card(
    measured: Measured,
    figures: dict[Mode, dict[str, Any]],
    galaxies: LabelledSpectra,
    held_out: dict[str, dict[str, float]],
    path: Path,
) -> None:
    """Write the card (Markdown), a confusion matrix (PNG) for each mode and age, and the reliability diagram."""
    images = path.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    for mode, scored in figures.items():
        draw_confusion(scored, MODE_TITLES[mode], images / f"confusion_{mode}.png")
    draw_reliability(measured, images / "reliability.png")
    ages = _confusions_by_age(measured, images)
    path.write_text(_card(measured, figures, galaxies, held_out, ages), encoding="utf-8")


def _confusions_by_age(measured: Measured, images: Path) -> str:
    """Blind confusion matrices of early, middle and late spectra; returns their pictures' Markdown."""
    ages = rest_frame_ages(measured.data)
    pictures = []
    for first, last in ((0, 10), (10, 60), (60, 2000)):
        rows = torch.nonzero((ages >= first) & (ages < last)).squeeze(1)
        if not len(rows):
            continue
        part = Measured.of(measured.checkpoint, measured.data.take(rows))
        scored = score(part.outputs["blind"], part.data, measured.checkpoint.taxonomy.trained)
        file = f"confusion_{first}_{last}_days.png"
        draw_confusion(scored, f"Blind, {first}-{last} days", images / file)
        pictures.append(f"![Confusion matrix, {first}-{last} days](images/{file})")
    return "\n".join(pictures)


def draw_reliability(measured: Measured, path: Path) -> None:
    """How often the network is right (with its 95 % interval) against how sure it is, in fifteen bins."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(6, 5.2), layout="constrained")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    for mode in MODES:
        rows = measured.rows(mode)
        p = measured.outputs[mode].probabilities[rows]
        sure, right = p.max(1), p.argmax(1) == measured.data.labels.numpy()[rows]
        number = np.minimum((sure * 15).astype(int), 14)
        points = []
        for i in np.unique(number):
            inside = number == i
            points.append((sure[inside].mean(), right[inside].mean(), *wilson(int(right[inside].sum()), inside.sum())))
        x, y, low, high = np.array(points).T
        axes.errorbar(x, y, yerr=[y - low, high - y], marker="o", capsize=3, label=MODE_TITLES[mode])
    axes.set(xlabel="probability of the predicted class", ylabel="share of right predictions", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    return pyplot


def draw_confusion(scored: dict[str, Any], title: str, path: Path) -> None:
    """Confusion matrix with rows divided by their sums, counts written in; classes without a spectrum left out."""
    plt = _pyplot()
    confusion = np.array(scored["confusion"])
    rows = confusion.sum(1) > 0
    names = [name for name, kept in zip(scored["names"], rows, strict=True) if kept]
    counts = confusion[rows][:, rows]
    shares = counts / confusion[rows].sum(1, keepdims=True)
    figure, axes = plt.subplots(figsize=(8.5, 7.5), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[i, j] > 0.55 else "black"
            axes.text(j, i, str(count), ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="true", title=f"{title}: accuracy {scored['accuracy']:.3f}")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _card(
    measured: Measured,
    figures: dict[Mode, dict[str, Any]],
    galaxies: LabelledSpectra,
    held_out: dict[str, dict[str, float]],
    pictures_by_age: str,
) -> str:
    checkpoint = measured.checkpoint
    metrics = checkpoint.metrics
    training = metrics["training"]
    split = ", ".join(f"{part} {count:,}" for part, count in metrics["split"].items())
    parameters = sum(p.numel() for p in checkpoint.network.parameters())
    return f"""# Model card: {checkpoint.name}

| | |
| --- | --- |
| checkpoint | `{checkpoint.hash[:16]}` |
| network | SpectraNet: {len(checkpoint.network.members)} members of {len(checkpoint.network.config.stages)} scales, \
{parameters / 1e6:.2f} M parameters in all |
| templates | {len(checkpoint.templates.labels)}, of the cross-check |
| input | {checkpoint.grid.samples} samples of ln λ, {checkpoint.grid.first:.0f}-{checkpoint.grid.last:.0f} Å |
| taxonomy | {checkpoint.taxonomy.version} |
| data | `{metrics["data"]["file"]}`, SHA-256 `{metrics["data"]["sha256"][:16]}…` |
| spectra | {split} |
| trained | `{training["command"]}`, {training["minutes"]} min, {training["threads"]} CPU threads, \
{" + ".join(str(len(history)) for history in training["histories"])} epochs |

## What it is for

Classifying single optical spectra of transients, with a known redshift or without one, as a proposal to a person who
decides. It was trained on public archives (WISeREP, Open Supernova Catalog, kaepora, TDECat, SDSS, stellar
libraries), in which SN Ia are more than half and most objects are near and bright.

## How it was measured

All spectra of one object are in one part, whatever the object's names; the parts are fixed by a hash of the object
ids. The network never saw the test objects, nor did the early stop or the calibration. The figures are for spectra
as the archive has them, without weights: {figures["known"]["spectra"]:,} spectra with a known redshift,
{figures["blind"]["spectra"]:,} in all. Macro-F1 is over the classes with at least ten test spectra.

{_headline(figures)}

Merged as other classifiers are compared, {_merges()}:

{merged_table(measured)}

{"".join(_mode_section(mode, scored) for mode, scored in figures.items())}
## SN IIP alone

{plateau_table(measured)}

## Parent groups

{parents_table(measured)}

## Calibration

![Reliability diagram](images/reliability.png)

Conformal sets of 90 %, by class; classes with fewer than 30 test spectra are shown with their group.

{conformal_table(measured)}

## Degraded spectra

The same test spectra as another instrument, a shorter exposure or a brighter host would have given them.

{robustness_table(measured, galaxies)}

## Age

Rest-frame days since the object's first spectrum in the archive, not since maximum.

{age_table(measured)}

{pictures_by_age}

## Instruments

{instrument_table(measured)}

## Several epochs of a transient

{fusion_table(measured)}

## Cross-check with templates, blind

Its templates are averages over the training objects.

{crosscheck_table(measured)}

## Novelty

{novelty_table(measured, held_out)}

## Limits

- Labels are the archives': a few per cent are wrong, most of them among Ib, Ic and IIb and between II and IIn.
- Few objects stand behind SLSN-II, SN Ibn and SN Ic-BL; their figures rest on a handful of held-out objects.
- Cataclysmic variables are almost all drawn from templates, and AGN come from SDSS; their figures are likely to be
  kinder than a night at the telescope.
- Spectra that cover less than {checkpoint.grid.need_optical_angstrom:.0f} Å of
  {checkpoint.grid.optical_range[0]:.0f}-{checkpoint.grid.optical_range[1]:.0f} Å are refused.

## Licence of the data

The TDE compilation (TDECat) is CC BY-NC 4.0. Whoever wants to use the weights commercially should retrain without its
rows, with the command below.

## To retrain

    {training["command"]} --out checkpoints/mine
    python -m classifier evaluate --checkpoint checkpoints/mine --data {metrics["data"]["file"]} --report card.md

`{metrics["data"]["file"]}` is not ours to give away, but most of it is public: the Open Supernova Catalog (repositories
`astrocatalogs/sne-*` on GitHub, one JSON file an object), WISeREP (a search's spectra as an archive with its CSV) and
SNID's templates (`templates-2.0`, `.lnw`). Folders as these give them become such a file with

    python -m classifier data import FOLDER... --out public.parquet
"""


def _merges() -> str:
    merged = [entry for entry in load_taxonomy().classes if entry.compare_as]
    return " and ".join(f"{entry.name} with {entry.compare_as}" for entry in merged)


def _headline(figures: dict[Mode, dict[str, Any]]) -> str:
    rows = [
        "| | accuracy | macro-F1 | SN Ia recall | SN Ia purity | ECE |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for mode, scored in figures.items():
        ia = scored["classes"].get("SN Ia", {})
        rows.append(
            f"| {MODE_TITLES[mode]} | {scored['accuracy']:.3f} | {scored['macro_f1']:.3f} | "
            f"{ratio(ia.get('recall'))} | {ratio(ia.get('precision'))} | {scored['ece']:.3f} |"
        )
    z = figures["blind"]["redshift"]
    if z["given"]:
        rows.append(
            f"\nThe network's own redshift, blind: given for {z['given']:.1%}; σ_NMAD {z['sigma_nmad']:.4f}, "
            f"|Δz|/(1+z) > 0.02 in {z['outliers']:.1%}, RMS {z['rms']:.4f}, width of the pulls {z['pull_width']:.2f}."
        )
    return "\n".join(rows)


def _mode_section(mode: Mode, scored: dict[str, Any]) -> str:
    rows = [
        f"## {MODE_TITLES[mode]}\n",
        "| class | spectra | recall | precision | F1 |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, row in scored["classes"].items():
        rows.append(
            f"| {name} | {row['spectra']} | {row['recall']:.3f} | {ratio(row['precision'])} | {row['f1']:.3f} |"
        )
    rows.append(f"\n![Confusion matrix](images/confusion_{mode}.png)\n\n")
    return "\n".join(rows)
