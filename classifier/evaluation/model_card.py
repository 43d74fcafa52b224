"""The model card: what a checkpoint is, how it was made, and how well it does on objects that it has never seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from classifier.checkpoint import Checkpoint
from classifier.crosscheck import CrossCheck
from classifier.evaluation.evaluation import Evaluation
from classifier.evaluation.model_card_tables import (
    age_table,
    conformal_table,
    crosscheck_table,
    fusion_table,
    instrument_table,
    merged_table,
    novelty_table,
    paper_table,
    parents_table,
    plateau_table,
    robustness_table,
)
from classifier.evaluation.pictures import MODE_TITLES, draw_confusion, draw_reliability
from classifier.evaluation.text_report import interval, ratio
from classifier.outputs import Mode
from classifier.taxonomy import Taxonomy
from classifier.training.config import TrainConfig
from classifier.training.scoring import score
from classifier.training.templates import make_templates, rest_frame_ages

FOLDS_TEXT = """\
All spectra of one object are in one fold, whatever the object's names; a hash of the object's id says in which. Each
network of the ensemble left out one fold. Every object is answered by the network that never saw it, and the answer is
calibrated on the other folds. Users ask the whole ensemble, which errs less than one of its networks."""
UNSEEN_TEXT = """\
No network saw any of these objects in its training. The whole ensemble answers, as it does for users."""


def write_model_card(evaluation: Evaluation, path: Path) -> None:
    """Write the card (Markdown), a confusion matrix (PNG) for each mode and age, and the reliability diagram."""
    images = path.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    for mode, scored in evaluation.figures.items():
        draw_confusion(scored, MODE_TITLES[mode], images / f"confusion_{mode}.png")
    draw_reliability(evaluation.measured, images / "reliability.png")
    path.write_text(_card(evaluation, _confusions_by_age(evaluation, images)), encoding="utf-8")


def _confusions_by_age(evaluation: Evaluation, images: Path) -> str:
    """Draw blind confusion matrices of early, middle and late spectra; return Markdown that shows them."""
    ages = rest_frame_ages(evaluation.measured.data).numpy()
    pictures = []
    for first, last in ((0, 10), (10, 60), (60, 2000)):
        rows = np.flatnonzero((ages >= first) & (ages < last))
        if not len(rows):
            continue
        part = evaluation.measured.take(rows)
        scored = score(part.outputs["blind"], part.data, evaluation.checkpoint.taxonomy.trained)
        file = f"confusion_{first}_{last}_days.png"
        draw_confusion(scored, f"Blind, {first}-{last} days", images / file)
        pictures.append(f"![Confusion matrix, {first}-{last} days](images/{file})")
    return "\n".join(pictures)


def _card(evaluation: Evaluation, pictures_by_age: str) -> str:
    return (
        _identity(evaluation.checkpoint)
        + _main_figures(evaluation)
        + _further_figures(evaluation, pictures_by_age)
        + _use(evaluation.checkpoint)
    )


def _identity(checkpoint: Checkpoint) -> str:
    """Return the head of the card: what the checkpoint is and how it was made."""
    metrics = checkpoint.metrics
    training = metrics["training"]
    parameters = sum(p.numel() for p in checkpoint.network.parameters())
    teachers = "".join(f"| teacher | `{teacher}` |\n" for teacher in training.get("teachers", []))
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
| spectra | {metrics["spectra"]:,} of {metrics["objects"]:,} objects |
| trained | `{training["command"]}`, {training["minutes"]} min on {training["device"]}, \
{training["jobs"]} networks at a time, {" + ".join(str(len(history)) for history in training["histories"])} epochs |
{teachers}
"""


def _main_figures(evaluation: Evaluation) -> str:
    measured, figures, taxonomy = evaluation.measured, evaluation.figures, evaluation.checkpoint.taxonomy
    blind = figures["blind"]
    return f"""## What it is for

Classifying single optical spectra of transients, with a known redshift or without one, as a proposal to a person who
decides. It was trained on public archives (WISeREP, Open Supernova Catalog, kaepora, TDECat, SDSS, stellar
libraries), in which SN Ia are more than half and most objects are near and bright.

## How it was measured

{FOLDS_TEXT if len(measured.calibrations) > 1 else UNSEEN_TEXT}

Each object counts once: a spectrum weighs 1/m, where m is the number of spectra of its object. Intervals are 95 %, from
a bootstrap over objects. There are {figures["known"]["spectra"]:,} spectra with a known redshift, and
{blind["spectra"]:,} of {blind["objects"]:,} objects in all. Macro-F1 is over the classes with at least ten spectra of
four objects.

{_headline(figures)}

Merged as other classifiers are compared, {_merges(taxonomy)}:

{merged_table(measured, taxonomy)}

{"".join(_mode_section(mode, scored) for mode, scored in figures.items())}
"""


def _further_figures(evaluation: Evaluation, pictures_by_age: str) -> str:
    measured, checkpoint = evaluation.measured, evaluation.checkpoint
    grid, taxonomy = checkpoint.grid, checkpoint.taxonomy
    hosts = [i for i, name in enumerate(taxonomy.trained) if taxonomy[name].group == "host"]
    galaxy = torch.isin(measured.data.labels, torch.tensor(hosts, dtype=torch.int64))
    galaxies = measured.data.take(torch.nonzero(galaxy & measured.data.redshift.isfinite()).squeeze(1))
    return f"""## SN IIP alone

{plateau_table(measured, taxonomy)}

## Parent groups

{parents_table(measured, taxonomy)}

## Calibration

![Reliability diagram](images/reliability.png)

Conformal sets of 90 %, by class; classes with fewer than 30 objects are shown with their group.

{conformal_table(measured, taxonomy)}

## Degraded spectra

One spectrum of each object, by chance, as another instrument, a shorter exposure or a brighter host would have given
it.

{robustness_table(measured.one_of_each(), galaxies, grid, taxonomy)}

## Age

Rest-frame days since the object's first spectrum in the archive, not since maximum.

{age_table(measured)}

{pictures_by_age}

## Instruments

{instrument_table(measured)}

## Several epochs of a transient

{fusion_table(measured)}

## Cross-check with templates, blind

The templates are averages over four folds, and the spectra are those of the fifth: one spectrum, by chance, of each
object.

{_crosscheck(evaluation)}

## Novelty

{novelty_table(measured, checkpoint, evaluation.unlabelled, evaluation.held_out)}

{_paper(evaluation.paper)}"""


def _crosscheck(evaluation: Evaluation) -> str:
    """Return the table of the cross-check for the objects of one fold, with templates of the others."""
    measured, checkpoint = evaluation.measured, evaluation.checkpoint
    first, templates = measured.used == 0, checkpoint.templates
    if not first.all():
        others = measured.data.take(torch.from_numpy(np.flatnonzero(~first)))
        templates = make_templates(others, len(checkpoint.taxonomy.trained), checkpoint.grid)
    alone = measured.take(np.flatnonzero(first)).one_of_each()
    return crosscheck_table(alone, alone.rows("blind"), CrossCheck(templates, checkpoint.grid))


def _paper(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the section on the paper's network, or "" if it was not compared."""
    if not found:
        return ""
    full = TrainConfig()
    return f"""## The paper's network

One network of each preset, trained without the first fold within the same time limit, by `python -m classifier paper`.
The figures are of objects of that fold, each counted once, with the redshift known and before calibration. `paper` has
the paper's ten classes, `paper-taxonomy` those of the taxonomy, and `paper-redshift` finds redshifts alone. A full
training draws {full.epochs * full.epoch_size:,} spectra. A run that drew far fewer shows that the network trains, and
says nothing of what it can do.

{paper_table(found)}

"""


def _use(checkpoint: Checkpoint) -> str:
    """Return the end of the card: limits, licence of the data, and how to retrain."""
    data, command = checkpoint.metrics["data"]["file"], checkpoint.metrics["training"]["command"]
    return f"""## Limits

- Labels are the archives': a few per cent are wrong, most of them among Ib, Ic and IIb and between II and IIn.
- Few objects stand behind SLSN-II, SN Ibn and SN Ic-BL; their figures rest on a handful of objects.
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


def _merges(taxonomy: Taxonomy) -> str:
    merged = [entry for entry in taxonomy.classes if entry.trained and entry.compare_as]
    return " and ".join(f"{entry.name} with {entry.compare_as}" for entry in merged)


def _headline(figures: dict[Mode, dict[str, Any]]) -> str:
    rows = [
        "| | accuracy | macro-F1 | SN Ia recall | SN Ia purity | ECE | accuracy by spectrum | macro-F1 by spectrum |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for mode, scored in figures.items():
        ia, alone = scored["classes"].get("SN Ia", {}), scored["by_spectrum"]
        of_all = [interval(scored[key], scored["intervals"][key]) for key in ("accuracy", "macro_f1")]
        cells = [MODE_TITLES[mode], *of_all, ratio(ia.get("recall")), ratio(ia.get("precision"))]
        cells += [f"{scored['ece']:.3f}", f"{alone['accuracy']:.3f}", f"{alone['macro_f1']:.3f}"]
        rows.append(f"| {' | '.join(cells)} |")
    z = figures["blind"]["redshift"]
    if z["given"]:
        rows.append(
            f"\nThe redshift of network and templates, blind: given for {z['given']:.1%}; "
            f"σ_NMAD {z['sigma_nmad']:.4f}, "
            f"|Δz|/(1+z) > 0.02 in {z['outliers']:.1%}, RMS {z['rms']:.4f}, width of the pulls {z['pull_width']:.2f}."
        )
    return "\n".join(rows)


def _mode_section(mode: Mode, scored: dict[str, Any]) -> str:
    rows = [
        f"## {MODE_TITLES[mode]}\n",
        "| class | objects | spectra | recall | precision | F1 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in scored["classes"].items():
        rows.append(
            f"| {name} | {row['objects']:.0f} | {row['spectra']} | {row['recall']:.3f} | {ratio(row['precision'])} | "
            f"{row['f1']:.3f} |"
        )
    rows.append(f"\n![Confusion matrix](images/confusion_{mode}.png)\n\n")
    return "\n".join(rows)
