"""The worker: it claims spectra of the backlog, classifies them, and stores predictions or failures.

The network never runs inside a transaction.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from classifier.errors import SpectrumError
from classifier.predict import Classifier, SpectrumPrediction
from classifier.spectrum import Spectrum as SpectrumValue
from triage.inference import attribution, backlog, checkpoints
from triage.inference.name_matches import name_matches
from triage.inference.samples import spectrum_value
from triage.models import BrightnessDue, Checkpoint, Prediction, Spectrum, SpectrumArrays, SpectrumState
from triage.operations import logs, metrics
from triage.queue import entries

log = logging.getLogger(__name__)

# A lease is so many times as long as the last batch took, but not shorter than this.
LEASE_MARGIN, SHORTEST_LEASE_SECONDS = 10.0, 30.0
# Lease of this process's next batch, or None before its first one.
_lease_seconds: float | None = None


def load_classifier() -> Classifier:
    """Return the promoted checkpoint, or the configured one if none was promoted; load it once a process and promotion.

    Raises CheckpointError if it cannot be loaded.
    """
    return _load(checkpoints.promoted_hash())


@functools.lru_cache(maxsize=1)
def _load(promoted: str) -> Classifier:
    # PyTorch's threads wait for each other in a busy loop, so two are slower than one if the cores have other work.
    torch.set_num_threads(settings.CLASSIFIER_THREADS)
    folder = checkpoints.unpacked(promoted) if promoted else settings.CLASSIFIER_CHECKPOINT
    return Classifier.load(folder, settings.CLASSIFIER_DEVICE)


def process_backlog(
    batch_size: int | None = None,
    stopping: Callable[[], bool] = lambda: False,
    after_batch: Callable[[], object] = lambda: None,
) -> int:
    """Classify spectra until the backlog is empty, and return how many were handled.

    batch_size: spectra to claim at a time, or None for the setting CLASSIFIER_BATCH.
    stopping: asked before each batch; the work ends when it returns True.
    after_batch: called after each batch with spectra in it.

    Raises CheckpointError if the checkpoint cannot be loaded; then every spectrum stays in the backlog.
    """
    global _lease_seconds
    done = 0
    size = batch_size or settings.CLASSIFIER_BATCH
    backlog.give_up_exhausted()
    while not stopping() and backlog.waits():
        # Another checkpoint may have been promoted since the last batch.
        classifier = load_classifier()
        checkpoint = register(classifier)
        batch = backlog.claim_batch(size, _lease_seconds)
        started = time.monotonic()
        classify_batch(classifier, checkpoint, batch)
        took = time.monotonic() - started
        metrics.record_batch(len(batch), took)
        done += len(batch)
        if batch:
            # A batch of a worker that is killed waits as long as is certainly enough for a full one, and no longer.
            certain = LEASE_MARGIN * took * size / len(batch)
            _lease_seconds = min(max(certain, SHORTEST_LEASE_SECONDS), settings.LEASE_SECONDS)
            after_batch()
    return done


def register(classifier: Classifier) -> Checkpoint:
    """Return the record of a loaded checkpoint, and make it the current one if no checkpoint was promoted."""
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


def classify_batch(classifier: Classifier, checkpoint: Checkpoint, batch: Sequence[Spectrum]) -> None:
    """Classify claimed spectra and store predictions or failures.

    classifier: the loaded checkpoint.
    checkpoint: its record.
    batch: the claimed spectra. If they break the network together, each is tried alone, so that one bad spectrum does
        not cost the others their predictions.
    """
    arrays = SpectrumArrays.objects.in_bulk([spectrum.pk for spectrum in batch])
    usable: list[tuple[Spectrum, tuple[SpectrumValue, float | None]]] = []
    for spectrum in batch:
        try:
            usable.append((spectrum, (spectrum_value(spectrum, arrays), spectrum.known_redshift)))
        except SpectrumError as error:
            store_result(spectrum, checkpoint, error, None)
    items = [item for _, item in usable]
    try:
        results: Sequence[SpectrumPrediction | SpectrumError] = classifier.predict(items)
    except (RuntimeError, ValueError, ArithmeticError, MemoryError):
        log.exception("a batch of %d broke the network; trying one by one", len(batch))
        results = [_predict_alone(classifier, item) for item in items]
    stored = []
    for (spectrum, (value, redshift)), result in zip(usable, results, strict=True):
        prediction = store_result(spectrum, checkpoint, result, redshift)
        if prediction is not None:
            stored.append((prediction, value))
    name_matches(stored, classifier.device)


def _predict_alone(
    classifier: Classifier, item: tuple[SpectrumValue, float | None]
) -> SpectrumPrediction | SpectrumError:
    try:
        return classifier.predict([item])[0]
    except (RuntimeError, ValueError, ArithmeticError, MemoryError) as error:
        log.exception("a spectrum broke the network")
        return SpectrumError("network_error", f"the network failed on this spectrum: {error}")


def store_result(
    spectrum: Spectrum,
    checkpoint: Checkpoint,
    result: SpectrumPrediction | SpectrumError,
    redshift: float | None,
) -> Prediction | None:
    """Store one result, unless the lease was lost or the spectrum was read again in the meantime.

    spectrum: the spectrum as it was claimed.
    checkpoint: record of the checkpoint that was used.
    result: the prediction, or the error that prevented it.
    redshift: the known redshift that was used, or None.

    A result that comes too late is dropped, because the worker that holds the lease now stores its own.

    Returns the stored prediction, or None without one.
    """
    prediction = None
    with transaction.atomic():
        entries.lock(spectrum.transient_id)
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
            return None
        if isinstance(result, SpectrumPrediction):
            prediction = _prediction(spectrum, checkpoint, result, redshift)
            Spectrum.objects.filter(pk=spectrum.pk).update(current_prediction=prediction)
            if spectrum.transient_id is not None:
                BrightnessDue.objects.mark_if_measured(spectrum.transient_id)
            entries.refresh(spectrum.transient_id)
    with logs.about(spectrum=spectrum.pk):
        log.info("failed: %s" if isinstance(result, SpectrumError) else "classified as %s", _outcome(result))
    return prediction


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
            "without_host_light": spectrum.receipt.get("host_light"),
        },
    )
    if created and result.attribution is not None:
        attribution.store(prediction, result.attribution)
    return prediction
