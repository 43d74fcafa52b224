"""Claim queued spectra, classify them, and store what comes of it.

A claim is a short transaction that writes a lease; the network runs outside of any transaction. A worker that dies
leaves a lease that runs out, and the next one takes over. A spectrum whose earlier attempt died is then claimed alone,
and given up after MAX_ATTEMPTS, so that one that kills workers cannot take others with it.
"""

from __future__ import annotations

import functools
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from classifier.errors import SpectrumError
from classifier.predict import Classifier, SpectrumPrediction
from classifier.spectrum import Frame
from classifier.spectrum import Spectrum as SpectrumValue
from triage import checkpoints, evidence, logs, metrics, queue_entries
from triage.arrays import unpack
from triage.models import Checkpoint, Prediction, Spectrum, SpectrumArrays, SpectrumState

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3


def load_classifier() -> Classifier:
    """The promoted checkpoint, or where none is the configured one; loaded once for each process and promotion.
    Raises CheckpointError."""
    return _load(checkpoints.promoted_hash())


@functools.lru_cache(maxsize=1)
def _load(promoted: str) -> Classifier:
    # PyTorch's threads wait for each other in a busy loop: where the cores have other work, two are slower than one.
    torch.set_num_threads(settings.CLASSIFIER_THREADS)
    folder = checkpoints.unpacked(promoted) if promoted else settings.CLASSIFIER_CHECKPOINT
    return Classifier.load(folder, settings.CLASSIFIER_DEVICE)


def process_queue(batch_size: int | None = None, stopping: Callable[[], bool] = lambda: False) -> int:
    """Classify until nothing is left to claim, or until ``stopping()`` between two batches; returns how many spectra
    were handled. A checkpoint that cannot be loaded raises CheckpointError and leaves everything queued."""
    done = 0
    give_up_exhausted()
    while not stopping() and _claimable().exists():
        # Before each batch, for another checkpoint may have been promoted.
        classifier = load_classifier()
        checkpoint = register(classifier)
        batch = claim_batch(batch_size or settings.CLASSIFIER_BATCH)
        started = time.monotonic()
        classify_batch(classifier, checkpoint, batch)
        metrics.record_batch(len(batch), time.monotonic() - started)
        done += len(batch)
    return done


def register(classifier: Classifier) -> Checkpoint:
    """The record of the loaded checkpoint. Where none was promoted, it is the current one from now on."""
    checkpoint, _ = Checkpoint.objects.get_or_create(
        hash=classifier.hash,
        defaults={
            "name": classifier.name,
            "taxonomy_version": classifier.taxonomy_version,
            "metrics": classifier.metrics,
        },
    )
    if not checkpoint.current and not checkpoints.promoted_hash():
        with transaction.atomic():
            checkpoints.make_current(checkpoint)
    return checkpoint


def _claimable() -> QuerySet[Spectrum]:
    # By the database's clock: those of the workers' machines may differ by more than a lease.
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    return Spectrum.objects.filter(free, state=SpectrumState.QUEUED, attempts__lt=MAX_ATTEMPTS)


def claim_batch(limit: int) -> list[Spectrum]:
    """Claim up to ``limit`` queued spectra for this worker: no two workers get the same one.

    Spectra that were tried before come alone, after all the fresh ones."""
    token = secrets.token_hex(16)
    with transaction.atomic():
        fresh = _claimable().filter(attempts=0).order_by("id")
        ids = list(_skip_locked(fresh).values_list("id", flat=True)[:limit])
        if not ids:
            ids = list(_skip_locked(_claimable().order_by("id")).values_list("id", flat=True)[:1])
        # The conditions once more: on SQLite nothing was locked, and another worker may have been quicker.
        _claimable().filter(id__in=ids).update(
            lease_token=token,
            lease_until=Now() + timedelta(seconds=settings.LEASE_SECONDS),
            attempts=F("attempts") + 1,
        )
    claimed = Spectrum.objects.filter(id__in=ids, lease_token=token)
    return list(claimed.select_related("transient").order_by("id"))


def _skip_locked(queryset: QuerySet[Spectrum]) -> QuerySet[Spectrum]:
    if connection.features.has_select_for_update_skip_locked:
        return queryset.select_for_update(skip_locked=True, of=("self",))
    return queryset


def give_up_exhausted() -> None:
    """Fail the spectra whose last attempt died as the ones before did."""
    Spectrum.objects.filter(state=SpectrumState.QUEUED, attempts__gte=MAX_ATTEMPTS, lease_until__lt=Now()).update(
        state=SpectrumState.FAILED,
        failure_code="gave_up",
        failure_reason=f"{MAX_ATTEMPTS} attempts to classify it ended with the worker",
        lease_until=None,
        lease_token="",
        processed_at=timezone.now(),
    )


def classify_batch(classifier: Classifier, checkpoint: Checkpoint, batch: Sequence[Spectrum]) -> None:
    """Classify claimed spectra and store predictions or failures. If the batch as a whole breaks the network, each
    spectrum is tried by itself, so that the others get their predictions."""
    arrays = SpectrumArrays.objects.in_bulk([spectrum.pk for spectrum in batch])
    usable: list[tuple[Spectrum, tuple[SpectrumValue, float | None]]] = []
    for spectrum in batch:
        try:
            usable.append((spectrum, (spectrum_value(spectrum, arrays), known_redshift(spectrum))))
        except SpectrumError as error:
            store_result(spectrum, checkpoint, error, None)
    items = [item for _, item in usable]
    try:
        results: Sequence[SpectrumPrediction | SpectrumError] = classifier.predict(items)
    except (RuntimeError, ValueError, ArithmeticError, MemoryError):
        log.exception("a batch of %d broke the network; trying one by one", len(batch))
        results = [_predict_alone(classifier, item) for item in items]
    for (spectrum, (_, redshift)), result in zip(usable, results, strict=True):
        store_result(spectrum, checkpoint, result, redshift)


def _predict_alone(
    classifier: Classifier, item: tuple[SpectrumValue, float | None]
) -> SpectrumPrediction | SpectrumError:
    try:
        return classifier.predict([item])[0]
    except (RuntimeError, ValueError, ArithmeticError, MemoryError) as error:
        log.exception("a spectrum broke the network")
        return SpectrumError("network_error", f"the network failed on this spectrum: {error}")


def known_redshift(spectrum: Spectrum) -> float | None:
    """The redshift to classify with: the one sent with the spectrum, else the transient's; None for a blind run."""
    if spectrum.stated_redshift is not None:
        return spectrum.stated_redshift
    return spectrum.transient.redshift if spectrum.transient else None


def spectrum_value(spectrum: Spectrum, arrays: dict[int, SpectrumArrays]) -> SpectrumValue:
    stored = arrays.get(spectrum.pk)
    if stored is None:
        raise SpectrumError("no_arrays", "the samples of this spectrum are not in the database")
    wavelength, index = np.unique(unpack(stored.wavelength), return_index=True)
    frame: Frame = "rest" if spectrum.at_rest else "observed"
    return SpectrumValue(wavelength, unpack(stored.flux)[index], frame=frame)


def store_result(
    spectrum: Spectrum,
    checkpoint: Checkpoint,
    result: SpectrumPrediction | SpectrumError,
    redshift: float | None,
) -> None:
    """Store one result, if the lease is still ours and the reading the one that was classified; else it is dropped,
    for whoever holds the lease now stores its own."""
    with transaction.atomic():
        queue_entries.lock(spectrum.transient_id)
        ours = Spectrum.objects.filter(
            pk=spectrum.pk,
            lease_token=spectrum.lease_token,
            reading=spectrum.reading,
            state=SpectrumState.QUEUED,
        )
        changes: dict[str, Any] = {"lease_until": None, "lease_token": "", "processed_at": timezone.now()}
        if isinstance(result, SpectrumError):
            changes |= {
                "state": SpectrumState.FAILED,
                "failure_code": result.code,
                "failure_reason": result.message,
            }
        else:
            changes["state"] = SpectrumState.CLASSIFIED
        if not ours.update(**changes):
            return
        if isinstance(result, SpectrumPrediction):
            prediction = _prediction(spectrum, checkpoint, result, redshift)
            Spectrum.objects.filter(pk=spectrum.pk).update(current_prediction=prediction)
            queue_entries.refresh(spectrum.transient_id)
    with logs.about(spectrum=spectrum.pk):
        log.info("failed: %s" if isinstance(result, SpectrumError) else "classified as %s", _outcome(result))


def _outcome(result: SpectrumPrediction | SpectrumError) -> str:
    return result.code if isinstance(result, SpectrumError) else result.class_name


def _prediction(
    spectrum: Spectrum, checkpoint: Checkpoint, result: SpectrumPrediction, redshift: float | None
) -> Prediction:
    prediction, created = Prediction.objects.get_or_create(
        spectrum=spectrum,
        reading=spectrum.reading,
        checkpoint=checkpoint,
        redshift_used=redshift,
        defaults={
            "class_name": result.class_name,
            "probabilities": result.probabilities,
            "parents": result.parents,
            "conformal_set": result.conformal_set,
            "novelty": result.novelty,
            "uncertainty": 1 - result.probabilities[result.class_name],
            "redshift": result.redshift,
            "redshift_error": result.redshift_error,
            "crosscheck": result.crosscheck,
        },
    )
    if created and result.evidence is not None:
        evidence.keep(prediction, result.evidence)
    return prediction
