"""The model card: what a checkpoint is, how it was made, and how well it does on objects it has never seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from classifier.checkpoint import SHIPPED, Checkpoint, data_hash, load_checkpoint
from classifier.dataset import Part, read_labelled, split_by_object
from classifier.evaluate import measure, ratio, text_report
from classifier.outputs import MODES

MODE_TITLES = {"known": "Redshift known", "blind": "Blind (no redshift)"}


def evaluate_checkpoint(folder: Path | None, data_path: Path, part: Part, report: Path | None) -> str:
    """Measure the checkpoint in ``folder`` (None: the shipped one) on one part of the data; returns the figures as
    text. With ``report``, writes the model card there and its pictures into ``images/`` beside it."""
    checkpoint = load_checkpoint(folder or SHIPPED)
    names = checkpoint.taxonomy.trained
    data = read_labelled(data_path, names, checkpoint.grid)
    held_out = data.take(split_by_object(data)[part])
    figures: dict[str, dict[str, Any]] = {
        mode: measure(checkpoint.network, checkpoint.calibration, held_out, checkpoint.grid, names, mode)
        for mode in MODES
    }
    trained_on = checkpoint.metrics["data"]["sha256"]
    lines = [text_report(figures)]
    if data_hash(data_path) != trained_on:
        lines.append("Beware: this is not the file the checkpoint was trained on, so the split may differ.")
    if report:
        write_model_card(checkpoint, figures, report)
        lines.append(f"model card: {report}")
    return "\n\n".join(lines)


def write_model_card(checkpoint: Checkpoint, figures: dict[str, dict[str, Any]], path: Path) -> None:
    """Write the card (Markdown) and a confusion matrix (PNG) for each mode."""
    images = path.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    for mode, scored in figures.items():
        draw_confusion(scored, MODE_TITLES[mode], images / f"confusion_{mode}.png")
    path.write_text(_card(checkpoint, figures), encoding="utf-8")


def draw_confusion(scored: dict[str, Any], title: str, path: Path) -> None:
    """Confusion matrix with rows divided by their sums, counts written in; classes without a spectrum left out."""
    import matplotlib as mpl
    import numpy as np

    mpl.use("Agg")
    from matplotlib import pyplot as plt

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


def _card(checkpoint: Checkpoint, figures: dict[str, dict[str, Any]]) -> str:
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
{figures["blind"]["spectra"]:,} in all.

{_headline(figures)}

{"".join(_mode_section(mode, scored) for mode, scored in figures.items())}
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
"""


def _headline(figures: dict[str, dict[str, Any]]) -> str:
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


def _mode_section(mode: str, scored: dict[str, Any]) -> str:
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
