"""The model card: what a checkpoint is, how it was made, and how well it does on objects that it has never seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from classifier.checkpoint import SHIPPED, Checkpoint, files_hash, load_checkpoint
from classifier.evaluation.measured import Measured
from classifier.evaluation.model_card_tables import (
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
)
from classifier.evaluation.pictures import MODE_TITLES, draw_confusion, draw_reliability
from classifier.evaluation.unseen_classes import read_held_out
from classifier.outputs import MODES, Mode
from classifier.taxonomy import load_taxonomy
from classifier.training.dataset import LabelledSpectra, Part, read_labelled, split_by_object
from classifier.training.scoring import ratio, score, text_report
from classifier.training.templates import rest_frame_ages


def evaluate_checkpoint(folder: Path | None, data_paths: Sequence[Path], part: Part, report: Path | None) -> str:
    """Measure a checkpoint on one part of the data and return the figures as text.

    folder: the checkpoint's folder, or None for the shipped one.
    data_paths: Parquet files of labelled spectra.
    part: part of the split.
    report: file to write the model card to, or None. Its pictures go into ``images/`` beside it.
    """
    checkpoint = load_checkpoint(folder or SHIPPED)
    data = read_labelled(data_paths, checkpoint.taxonomy.trained, checkpoint.grid)
    parts = split_by_object(data)
    measured = Measured.of(checkpoint, data.take(parts[part]))
    figures = {mode: score(measured.outputs[mode], measured.data, checkpoint.taxonomy.trained) for mode in MODES}
    trained_on = checkpoint.metrics["data"]["sha256"]
    lines = [text_report({str(mode): scored for mode, scored in figures.items()})]
    if files_hash(data_paths) != trained_on:
        lines.append("Beware: these are not the files that the checkpoint was trained on, so the split may differ.")
    if report:
        galaxies, held_out = _galaxies(data, parts, checkpoint), read_held_out(folder or SHIPPED)
        write_model_card(measured, figures, galaxies, held_out, report)
        lines.append(f"model card: {report}")
    return "\n\n".join(lines)


def _galaxies(data: LabelledSpectra, parts: dict[Part, Tensor], checkpoint: Checkpoint) -> LabelledSpectra:
    """Return host galaxies for the robustness table, none of which was trained on."""
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
    """Draw blind confusion matrices of early, middle and late spectra; return Markdown that shows them."""
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


def _card(
    measured: Measured,
    figures: dict[Mode, dict[str, Any]],
    galaxies: LabelledSpectra,
    held_out: dict[str, dict[str, float]],
    pictures_by_age: str,
) -> str:
    return (
        _identity(measured.checkpoint)
        + _main_figures(measured, figures)
        + _further_figures(measured, galaxies, held_out, pictures_by_age)
        + _use(measured.checkpoint)
    )


def _identity(checkpoint: Checkpoint) -> str:
    """Return the head of the card: what the checkpoint is and how it was made."""
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

"""


def _main_figures(measured: Measured, figures: dict[Mode, dict[str, Any]]) -> str:
    return f"""## What it is for

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
"""


def _further_figures(
    measured: Measured, galaxies: LabelledSpectra, held_out: dict[str, dict[str, float]], pictures_by_age: str
) -> str:
    return f"""## SN IIP alone

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

"""


def _use(checkpoint: Checkpoint) -> str:
    """Return the end of the card: limits, licence of the data, and how to retrain."""
    data, command = checkpoint.metrics["data"]["file"], checkpoint.metrics["training"]["command"]
    return f"""## Limits

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

    {command} --out checkpoints/mine
    python -m classifier evaluate --checkpoint checkpoints/mine --data {data} --report card.md

`{data}` is not ours to give away, but most of it is public: the Open Supernova Catalog (repositories
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
