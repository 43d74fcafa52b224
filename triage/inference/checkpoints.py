"""Checkpoints: stored in the database, promoted, rolled back, and unvetted spectra predicted again.

The files of a promoted checkpoint are in the database, and every worker loads them between two batches. If none was
ever promoted, each worker uses the folder that its setting CLASSIFIER_CHECKPOINT names, or the shipped checkpoint.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from classifier.checkpoint import SHIPPED, load_checkpoint
from classifier.errors import CheckpointError
from triage.accounts import audit
from triage.errors import InvalidActionError
from triage.models import Checkpoint, CheckpointFile, Classification, Promotion, Spectrum, SpectrumState

# Only these files of a folder belong to its checkpoint; pictures and the like are left out.
SUFFIXES = (".json", ".safetensors")
# Number of spectra that return to the backlog at a time (triage.tasks.predict_again). New spectra wait behind no more.
REPREDICT = 64


def promoted_hash() -> str:
    """Return the hash of the current checkpoint if it was promoted, or "" if the settings choose the checkpoint."""
    current = Checkpoint.objects.filter(current=True, files__isnull=False)
    return current.values_list("hash", flat=True).first() or ""


def configured_folder() -> Path:
    """Return the checkpoint folder that the settings choose."""
    return settings.CLASSIFIER_CHECKPOINT or SHIPPED


def unpacked(hash_: str) -> Path:
    """Return the folder on this machine with the files of a stored checkpoint, and write it if it is not there yet.

    hash_: hash of the checkpoint. Raises CheckpointError if the folder cannot be written.
    """
    folder: Path = settings.VAR / "checkpoints" / hash_
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    writing = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        for file in CheckpointFile.objects.filter(checkpoint__hash=hash_):
            (writing / file.name).write_bytes(bytes(file.content))
        writing.rename(folder)
    except OSError as error:
        # If the folder exists, another process of this machine was quicker.
        if not folder.exists():
            raise CheckpointError(f"{folder} cannot be written: {error}") from error
    finally:
        shutil.rmtree(writing, ignore_errors=True)
    return folder


def store(folder: Path) -> Checkpoint:
    """Store a folder's checkpoint with its files and return its record; this does not make it the current one.

    Raises CheckpointError if the folder holds no valid checkpoint.
    """
    loaded = load_checkpoint(folder)
    with transaction.atomic():
        checkpoint, _ = Checkpoint.objects.get_or_create(
            hash=loaded.hash,
            defaults={
                "name": loaded.name,
                "taxonomy_version": loaded.taxonomy.version,
                "metrics": loaded.metrics,
            },
        )
        if not checkpoint.files.exists():
            for path in sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES):
                CheckpointFile.objects.create(checkpoint=checkpoint, name=path.name, content=path.read_bytes())
    return checkpoint


def promote(checkpoint: Checkpoint, by: User) -> Promotion:
    """Make a stored checkpoint the current one. Unvetted spectra are then predicted again in the background.

    checkpoint: the checkpoint, with its files in the database.
    by: the user who promotes it.

    Raises InvalidActionError if it is current already, or if the current one cannot be stored for a rollback.
    """
    with transaction.atomic():
        before = Checkpoint.objects.select_for_update().filter(current=True).first()
        if before == checkpoint and promoted_hash():
            raise InvalidActionError(f"{checkpoint} is the current checkpoint already, so there is nothing to promote")
        if before is not None and not before.files.exists():
            _store_for_rollback(before)
        promotion = make_current(checkpoint, by)
        audit.note(by, checkpoint, "promoted the checkpoint")
    return promotion


def _store_for_rollback(before: Checkpoint) -> None:
    stored = store(configured_folder())
    if stored != before:
        raise InvalidActionError(
            f"the files of the current checkpoint {before} are not in {configured_folder()}, so after a promotion "
            "there would be no way back; run the command where CLASSIFIER_CHECKPOINT names its folder"
        )


def make_current(checkpoint: Checkpoint, by: User | None = None) -> Promotion:
    """Make a checkpoint the current one and record its promotion; call it within a transaction.

    checkpoint: the new current checkpoint.
    by: the user who promotes it, or None if a worker uses what its settings name; then old predictions stay.
    """
    Checkpoint.objects.filter(current=True).update(current=False)
    now = timezone.now()
    Checkpoint.objects.filter(pk=checkpoint.pk).update(current=True, promoted_at=now, promoted_by=by)
    return Promotion.objects.create(checkpoint=checkpoint, by=by, repredicted_at=None if by else now)


def rollback(by: User) -> Promotion:
    """Make the checkpoint current that was current before, and record that ``by`` did so.

    Raises InvalidActionError if there was none.
    """
    current = Checkpoint.objects.filter(current=True).first()
    earlier = Promotion.objects.exclude(checkpoint=current).filter(checkpoint__files__isnull=False).first()
    if current is None or earlier is None:
        raise InvalidActionError("no other checkpoint was current before, so there is none to go back to")
    with transaction.atomic():
        promotion = make_current(earlier.checkpoint, by)
        audit.note(by, current, "took the checkpoint back")
    return promotion


def refuse_worse(candidate: Checkpoint) -> None:
    """Raise InvalidActionError if a candidate scores worse than the current checkpoint, or cannot be compared with it.

    The scores were measured when each was trained, on transients that the answering network never saw, and must come
    from the same data.
    """
    current = Checkpoint.objects.filter(current=True).first()
    if current is None or current == candidate:
        return
    ours, theirs = candidate.metrics, current.metrics
    if ours.get("data", {}).get("sha256") != theirs.get("data", {}).get("sha256"):
        raise InvalidActionError("the candidate was not measured on the same data as the current checkpoint")
    if macro_f1(ours) < macro_f1(theirs):
        raise InvalidActionError(
            f"the candidate's macro-F1 is {macro_f1(ours):.3f}, the current checkpoint's {macro_f1(theirs):.3f}"
        )


def macro_f1(metrics: dict[str, dict[str, dict[str, float]]]) -> float:
    """Return the macro-F1 out of fold, averaged over blind and known redshift; 0 if it was not measured."""
    measured = metrics.get("out_of_fold", {}).values()
    return sum(mode["macro_f1"] for mode in measured) / len(measured) if measured else 0.0


def return_stale_to_backlog(limit: int = REPREDICT) -> int:
    """Return the next spectra with a prediction of an earlier checkpoint to the backlog, and say how many they are.

    limit: most spectra to return at once.

    Only spectra of unvetted transients are returned, the newest first, and only while the backlog is empty. The earlier
    prediction stays visible until the new one is stored.
    """
    if Spectrum.objects.filter(state=SpectrumState.QUEUED).exists():
        return 0
    with transaction.atomic():
        promotion = Promotion.objects.select_for_update().first()
        if promotion is None or promotion.repredicted_at is not None:
            return 0
        ids = list(_stale(promotion).order_by("-id").values_list("id", flat=True)[:limit])
        if not ids:
            promotion.repredicted_at = timezone.now()
            promotion.save(update_fields=["repredicted_at"])
            return 0
        promotion.repredicted_below = ids[-1]
        promotion.save(update_fields=["repredicted_below"])
        return Spectrum.objects.filter(id__in=ids, state=SpectrumState.CLASSIFIED).return_to_backlog()


def _stale(promotion: Promotion) -> QuerySet[Spectrum]:
    vetted = Classification.objects.filter(transient=OuterRef("transient"), vetted=True)
    stale: QuerySet[Spectrum] = Spectrum.objects.filter(
        ~Exists(vetted), state=SpectrumState.CLASSIFIED, rejected=False
    ).exclude(current_prediction__checkpoint=promotion.checkpoint)
    if promotion.repredicted_below is not None:
        stale = stale.filter(id__lt=promotion.repredicted_below)
    return stale
