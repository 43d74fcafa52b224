"""The life of checkpoints: kept in the database, promoted, taken back, and the queue predicted again.

A promoted checkpoint's files lie in the database, and every worker takes it up between two batches. Where none was
ever promoted, CLASSIFIER_CHECKPOINT (or the shipped one) is used, as the settings of each worker name it.
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
from triage import audit
from triage.errors import InvalidActionError
from triage.models import Checkpoint, CheckpointFile, Classification, Promotion, Spectrum, SpectrumState

# What the folder of a checkpoint may have beside its own files, pictures and the like, is left out.
SUFFIXES = (".json", ".safetensors")
# Spectra sent to the network again at a time (triage.tasks.repredict), so that new ones wait behind no more than these.
REPREDICT = 64


def promoted_hash() -> str:
    """Of the current checkpoint if it was promoted; "" where the settings choose."""
    current = Checkpoint.objects.filter(current=True, files__isnull=False)
    return current.values_list("hash", flat=True).first() or ""


def configured_folder() -> Path:
    return settings.CLASSIFIER_CHECKPOINT or SHIPPED


def unpacked(hash_: str) -> Path:
    """The folder on this machine with the files of a kept checkpoint; written once."""
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
        # Another process of this machine was quicker.
        if not folder.exists():
            raise CheckpointError(f"{folder} cannot be written: {error}") from error
    finally:
        shutil.rmtree(writing, ignore_errors=True)
    return folder


def keep(folder: Path) -> Checkpoint:
    """The record of a folder's checkpoint, with its files; not the current one by that. Raises CheckpointError."""
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
    """Make a kept checkpoint the current one; the queue is predicted again with it in the background.

    Raises InvalidActionError where it is current already, or where the one before it could not be kept for the way
    back."""
    with transaction.atomic():
        before = Checkpoint.objects.select_for_update().filter(current=True).first()
        if before == checkpoint and promoted_hash():
            raise InvalidActionError(f"{checkpoint} is the current checkpoint already")
        if before is not None and not before.files.exists():
            _keep_for_the_way_back(before)
        promotion = make_current(checkpoint, by)
        audit.note(by, checkpoint, "promoted the checkpoint")
    return promotion


def _keep_for_the_way_back(before: Checkpoint) -> None:
    kept = keep(configured_folder())
    if kept != before:
        raise InvalidActionError(f"{before} is current, but not in {configured_folder()}: there would be no way back")


def make_current(checkpoint: Checkpoint, by: User | None = None) -> Promotion:
    """Within a transaction. by: None where a worker takes up what its settings name; then old predictions stay."""
    Checkpoint.objects.filter(current=True).update(current=False)
    now = timezone.now()
    Checkpoint.objects.filter(pk=checkpoint.pk).update(current=True, promoted_at=now, promoted_by=by)
    return Promotion.objects.create(checkpoint=checkpoint, by=by, repredicted_at=None if by else now)


def rollback(by: User) -> Promotion:
    """Back to the checkpoint that was current before. Raises InvalidActionError where there was none."""
    current = Checkpoint.objects.filter(current=True).first()
    earlier = Promotion.objects.exclude(checkpoint=current).filter(checkpoint__files__isnull=False).first()
    if current is None or earlier is None:
        raise InvalidActionError("no other checkpoint was current before")
    with transaction.atomic():
        promotion = make_current(earlier.checkpoint, by)
        audit.note(by, current, "took the checkpoint back")
    return promotion


def refuse_worse(candidate: Checkpoint) -> None:
    """Raises InvalidActionError where the candidate scores worse on the test objects than the current checkpoint, as
    both were measured when they were trained, on the same data."""
    current = Checkpoint.objects.filter(current=True).first()
    if current is None or current == candidate:
        return
    now, then = candidate.metrics, current.metrics
    if now.get("data", {}).get("sha256") != then.get("data", {}).get("sha256"):
        raise InvalidActionError("it was not measured on the same data as the current checkpoint")
    if macro_f1(now) < macro_f1(then):
        raise InvalidActionError(f"its macro-F1 is {macro_f1(now):.3f}, that of the current one {macro_f1(then):.3f}")


def macro_f1(metrics: dict[str, dict[str, dict[str, float]]]) -> float:
    """Mean of both modes on the test objects; 0 where it was not measured."""
    measured = metrics.get("test", {}).values()
    return sum(mode["macro_f1"] for mode in measured) / len(measured) if measured else 0.0


def send_again(limit: int = REPREDICT) -> int:
    """Queue the next spectra of a promotion for prediction: of transients that nobody has vetted, the newest first, and
    only while nothing else waits for the network. Returns how many; what stood stays shown until the new prediction
    is there."""
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
        queued = Spectrum.objects.filter(id__in=ids, state=SpectrumState.CLASSIFIED)
        return queued.update(state=SpectrumState.QUEUED, attempts=0, lease_until=None, lease_token="")


def _stale(promotion: Promotion) -> QuerySet[Spectrum]:
    vetted = Classification.objects.filter(transient=OuterRef("transient"), vetted=True)
    stale: QuerySet[Spectrum] = Spectrum.objects.filter(
        ~Exists(vetted), state=SpectrumState.CLASSIFIED, rejected=False
    ).exclude(current_prediction__checkpoint=promotion.checkpoint)
    if promotion.repredicted_below is not None:
        stale = stale.filter(id__lt=promotion.repredicted_below)
    return stale
