"""Metrics for Prometheus: numbers alone, without the name of anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, Sum
from django.utils import timezone

from triage.models import InferenceBatch, Prediction, SkyPortalInstance, Spectrum, SpectrumState

HOUR = timedelta(hours=1)
KEEP = timedelta(days=7)

# A label with its value, and the number; None where there is no label.
Sample = tuple[tuple[str, Any] | None, float]


def record_batch(size: int, seconds: float) -> None:
    """Record that a batch is done, and delete the records that are older than a week."""
    now = timezone.now()
    InferenceBatch.objects.filter(finished_at__lt=now - KEEP).delete()
    InferenceBatch.objects.create(size=size, seconds=seconds, finished_at=now)


def exposition() -> str:
    """Return the metrics in Prometheus' text format, version 0.0.4."""
    return "".join(f"{line}\n" for line in (*_spectra(), *_inference(), *_sync()))


def _metric(name: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP triage_{name} {text}"
    yield f"# TYPE triage_{name} gauge"
    for label, value in samples:
        yield f"triage_{name}{_label(label)} {value}"


def _label(label: tuple[str, Any] | None) -> str:
    if label is None:
        return ""
    value = str(label[1]).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{{{label[0]}="{value}"}}'


def _spectra() -> Iterator[str]:
    counted = dict(Spectrum.objects.order_by().values_list("state").annotate(number=Count("pk")))
    states: list[Sample] = [(("state", state), counted.get(state, 0)) for state in SpectrumState.values]
    yield from _metric("spectra", "Spectra by state.", states)
    now = timezone.now()
    queued = Spectrum.objects.filter(state=SpectrumState.QUEUED).order_by()
    found = queued.aggregate(
        depth=Count("pk"), oldest=Min("created_at"), claimed=Count("pk", filter=Q(lease_until__gt=now))
    )
    age = (now - found["oldest"]).total_seconds() if found["oldest"] else 0
    yield from _metric("queue_depth", "Spectra that wait for the network.", [(None, found["depth"])])
    yield from _metric("queue_claimed", "Of these, how many a worker holds.", [(None, found["claimed"])])
    yield from _metric("queue_oldest_seconds", "Seconds since the oldest of these came in.", [(None, age)])
    failed = Spectrum.objects.filter(state__in=(SpectrumState.FAILED, SpectrumState.QUARANTINED)).order_by()
    codes = failed.values_list("failure_code").annotate(number=Count("pk"))
    text = "Spectra that could not be read or classified, by code."
    yield from _metric("failures", text, [(("code", code), number) for code, number in sorted(codes)])


def _inference() -> Iterator[str]:
    since = timezone.now() - HOUR
    predictions = Prediction.objects.filter(created_at__gt=since).count()
    yield from _metric("predictions_last_hour", "Predictions stored in the last hour.", [(None, predictions)])
    batches = InferenceBatch.objects.filter(finished_at__gt=since)
    found = batches.aggregate(number=Count("pk"), spectra=Sum("size"), total=Sum("seconds"), slowest=Max("seconds"))
    texts = {
        "number": ("inference_batches_last_hour", "Batches in the last hour."),
        "spectra": ("inference_spectra_last_hour", "Spectra in these batches."),
        "total": ("inference_seconds_last_hour", "Seconds these batches took, claim to stored."),
        "slowest": ("inference_slowest_seconds_last_hour", "Seconds of the slowest of these batches."),
    }
    for key, (name, text) in texts.items():
        yield from _metric(name, text, [(None, found[key] or 0)])


def _sync() -> Iterator[str]:
    """Yield the metrics of the SkyPortal connections, by number: a name may be private to a group."""
    now = timezone.now()
    enabled = SkyPortalInstance.objects.filter(enabled=True).order_by("id")
    done = enabled.annotate(last=Max("runs__finished_at", filter=Q(runs__state="done")))
    lags: list[Sample] = [(("instance", row.pk), (now - row.last).total_seconds()) for row in done if row.last]
    yield from _metric("skyportal_sync_lag_seconds", "Seconds since the last sync that succeeded.", lags)
