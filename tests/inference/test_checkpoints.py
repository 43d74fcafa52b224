"""Checkpoints: shadow run, promotion, rollback and retraining."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from classifier.checkpoint import SHIPPED, load_checkpoint, save_checkpoint
from classifier.outputs import MODES
from classifier.preprocess import PreprocessConfig
from classifier.taxonomy import load_taxonomy
from classifier.training.config import TrainConfig
from classifier.training.dataset import read_object_ids
from tests.factories import spectrum_file
from tests.labelled_archive import write_archive
from triage import tasks
from triage.errors import InvalidActionError
from triage.inference import checkpoints, retraining, worker
from triage.intake.reread import read_again
from triage.intake.submit import Given, submit_spectrum
from triage.models import Checkpoint, Prediction, Promotion, Spectrum, SpectrumState
from triage.review import decisions
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


def variant(folder: Path, bias: dict[str, float], score: float = 0.0) -> Path:
    """Write the shipped checkpoint with a preference for some classes.

    score: value added to its macro-F1.
    """
    loaded = load_checkpoint(SHIPPED)
    with torch.no_grad():
        for member in loaded.network.members:
            for name, amount in bias.items():
                member.class_head.bias[loaded.taxonomy.trained.index(name)] += amount  # type: ignore[index,union-attr]
    scores = {mode: {"macro_f1": checkpoints.macro_f1(loaded.metrics) + score} for mode in MODES}
    save_checkpoint(dataclasses.replace(loaded, metrics={**loaded.metrics, "out_of_fold": scores}), folder)
    return folder


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.VAR = tmp_path / "var"
    worker._load.cache_clear()
    yield
    worker._load.cache_clear()


@pytest.fixture
def contrary(tmp_path: Path) -> Path:
    """Write a checkpoint that classifies everything as a TDE."""
    return variant(tmp_path / "contrary", {"TDE": 50.0})


@pytest.fixture
def night(reviewer: User) -> list[Spectrum]:
    """Store four classified spectra; the transient of the first is vetted."""
    for seed in range(4):
        submit_spectrum(reviewer, spectrum_file(seed=seed), f"{seed}.txt", Given(transient=f"T{seed}", redshift=0.03))
    worker.process_backlog()
    spectra = list(Spectrum.objects.select_related("transient", "current_prediction").order_by("id"))
    first = spectra[0]
    assert first.transient is not None
    assert first.current_prediction is not None
    proposal = Proposal(verdict="override", class_name="SN Ia", prediction=first.current_prediction.pk)
    decisions.record_decision(reviewer, first.transient, proposal)
    return spectra


def run(*command: object) -> str:
    out = StringIO()
    call_command("checkpoint", *map(str, command), stdout=out)
    return out.getvalue()


def test_a_shadow_run_lists_the_classes_that_would_change_and_changes_nothing(
    night: list[Spectrum], contrary: Path
) -> None:
    before = list(Prediction.objects.values_list("id", "class_name"))
    said = run("shadow", contrary)
    assert "T0 (spectrum" in said
    assert "→ TDE, vetted SN Ia" in said
    assert "1 of 1 vetted spectra would flip; 1 agree with the reviewers now, 0 would" in said
    assert list(Prediction.objects.values_list("id", "class_name")) == before
    assert Checkpoint.objects.get(current=True).hash == load_checkpoint(SHIPPED).hash


def test_a_candidate_is_promoted_only_after_a_shadow_run(night: list[Spectrum], contrary: Path) -> None:
    with pytest.raises(CommandError, match="would flip first"):
        run("promote", contrary, "--by", "reviewer")
    run("shadow", contrary)
    run("promote", contrary, "--by", "reviewer")
    current = Checkpoint.objects.get(current=True)
    assert current.hash == load_checkpoint(contrary).hash
    assert current.promoted_by is not None
    assert current.promoted_by.username == "reviewer"
    assert LogEntry.objects.get().change_message == "promoted the checkpoint"
    assert "by reviewer" in run("list")


def test_a_candidate_that_scores_worse_or_was_measured_differently_is_refused(
    night: list[Spectrum], tmp_path: Path
) -> None:
    worse = variant(tmp_path / "worse", {}, score=-0.01)
    with pytest.raises(CommandError, match="macro-F1"):
        run("promote", worse, "--by", "reviewer", "--without-shadow")
    run("promote", worse, "--by", "reviewer", "--without-shadow", "--even-if-worse")
    assert Checkpoint.objects.get(current=True).hash == load_checkpoint(worse).hash


def test_a_damaged_candidate_changes_nothing(night: list[Spectrum], contrary: Path) -> None:
    (contrary / "weights.safetensors").write_bytes(b"damaged")
    with pytest.raises(CommandError):
        run("promote", contrary, "--by", "reviewer", "--without-shadow")
    assert Checkpoint.objects.count() == 1


def finish() -> int:
    """Repeat predictions as the periodic tasks do; return the number of spectra put back into the backlog."""
    again = 0
    while sent := checkpoints.return_stale_to_backlog(limit=2):
        again += sent
        assert Spectrum.objects.filter(state=SpectrumState.QUEUED).count() <= 2
        assert checkpoints.return_stale_to_backlog(limit=2) == 0
        worker.process_backlog()
    return again


def test_a_promotion_repeats_predictions_for_the_queue_and_not_for_vetted_spectra(
    night: list[Spectrum], contrary: Path
) -> None:
    run("promote", contrary, "--by", "reviewer", "--without-shadow")
    shutil.rmtree(contrary)
    assert finish() == 3
    first, *others = Spectrum.objects.order_by("id").values_list("current_prediction__class_name", flat=True)
    assert first != "TDE"
    assert others == ["TDE"] * 3
    assert Prediction.objects.count() == 7
    assert Promotion.objects.order_by("id").last().repredicted_at is not None  # type: ignore[union-attr]
    assert finish() == 0


def test_new_spectra_are_classified_before_repeated_ones(night: list[Spectrum], contrary: Path, reviewer: User) -> None:
    run("promote", contrary, "--by", "reviewer", "--without-shadow")
    submit_spectrum(reviewer, spectrum_file(seed=9), "9.txt")
    tasks.predict_again()
    assert Spectrum.objects.filter(state=SpectrumState.QUEUED).count() == 1


def test_a_rollback_restores_the_previous_checkpoint_and_its_predictions(night: list[Spectrum], contrary: Path) -> None:
    before = list(Spectrum.objects.order_by("id").values_list("current_prediction", flat=True))
    run("promote", contrary, "--by", "reviewer", "--without-shadow")
    finish()
    assert "is current again" in run("rollback", "--by", "reviewer")
    assert worker.load_classifier().hash == load_checkpoint(SHIPPED).hash
    finish()
    assert list(Spectrum.objects.order_by("id").values_list("current_prediction", flat=True)) == before
    assert Prediction.objects.count() == 7


def test_without_an_earlier_checkpoint_there_is_no_rollback(reviewer: User) -> None:
    with pytest.raises(CommandError, match="before"):
        run("rollback", "--by", "reviewer")
    with pytest.raises(CommandError, match="no user"):
        run("rollback", "--by", "nobody")


def test_a_promotion_that_would_prevent_a_rollback_is_refused(night: list[Spectrum], contrary: Path) -> None:
    Checkpoint.objects.update(current=False)
    Checkpoint.objects.create(hash="lost", name="lost", taxonomy_version="1", current=True)
    with pytest.raises(InvalidActionError, match="no way back"):
        checkpoints.promote(checkpoints.store(contrary), User.objects.get())


def test_a_worker_with_the_old_checkpoint_does_not_undo_the_promotion(night: list[Spectrum], contrary: Path) -> None:
    late = worker.load_classifier()
    run("promote", contrary, "--by", "reviewer", "--without-shadow")
    assert not worker.register(late).current
    assert Checkpoint.objects.get(current=True).hash == load_checkpoint(contrary).hash


def test_vetted_spectra_are_used_for_training_under_the_archives_name(night: list[Spectrum], tmp_path: Path) -> None:
    data, out = tmp_path / "tiny.parquet", tmp_path / "trained"
    write_archive(data)
    classes, grid = load_taxonomy().trained, PreprocessConfig()
    added = retraining.vetted_for_training(classes, read_object_ids([data]), grid)
    assert added is not None
    assert (added.object_ids, added.raw_labels, added.redshift.tolist()) == (("t0",), ("SN Ia",), [0.03])
    known = retraining.vetted_for_training(classes, {"T-0"}, grid)
    assert known is not None
    assert known.object_ids == ("T-0",)
    recipe = TrainConfig(folds=2, epochs=1, epoch_size=64, batch_size=32)
    trained, number = retraining.retrain([data], out, recipe, torch.device("cpu"))
    assert number == trained.metrics["training"]["added"] == 1
    # The figures are of the archive alone, so that they can be compared with another training's.
    assert (trained.metrics["spectra"], trained.metrics["objects"]) == (120, 40)


def test_a_vetted_spectrum_that_was_read_without_its_host_is_not_used_for_training(night: list[Spectrum]) -> None:
    classes, grid = load_taxonomy().trained, PreprocessConfig()
    [learned] = [one for one in Spectrum.objects.vetted_as(classes) if not one.at_rest]
    assert retraining.vetted_for_training(classes, (), grid) is not None
    read_again(User.objects.get(), learned, {"host_light": 0.3})
    assert retraining.vetted_for_training(classes, (), grid) is None
