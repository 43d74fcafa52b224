"""Answers to the analyses that a SkyPortal asked for, computed by a worker and sent to its callback address."""

from __future__ import annotations

import csv
import io
import logging
import re
import time
from datetime import timedelta
from typing import Any

import httpx
import numpy as np
from django.db.models import Exists, OuterRef
from django.utils import timezone

from classifier.errors import SpectrumError
from classifier.fusion import fuse
from classifier.predict import SpectrumPrediction
from classifier.readers import read_spectrum
from classifier.spectrum import Spectrum
from triage.errors import TriageError
from triage.inference.worker import load_classifier
from triage.models import AnalysisJob, AnalysisState
from triage.services import attempts
from triage.services.fields import number
from triage.services.http import AnswerTooLargeError, fetch, open_client
from triage.services.skyportal.posting import ORIGIN
from triage.services.skyportal.remote_records import SkipError, failure, read_spectrum_record

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=2)
# Longer than an answer is computed, and longer than it is sent.
LEASE = timedelta(minutes=2)
TIMEOUT_SECONDS = 30
KEEP_FOR = timedelta(days=30)
UNFINISHED_JOBS = (AnalysisState.WAITING, AnalysisState.COMPUTED)
MAX_SPECTRA = 50
LONGEST_MESSAGE, LONGEST_ERROR = 1000, 300
# One cell of the CSV table holds all samples of a spectrum.
csv.field_size_limit(64 << 20)
_SAMPLES = ("wavelengths", "fluxes", "errors")


def run(budget_seconds: float) -> int:
    """Compute the answers that are due and send them back.

    budget_seconds: time after which the rest is left to the next round.

    Returns the number of answers that arrived.
    """
    deadline = time.monotonic() + budget_seconds
    AnalysisJob.objects.filter(created_at__lt=timezone.now() - KEEP_FOR).delete()
    late = AnalysisJob.objects.filter(state__in=UNFINISHED_JOBS, invalid_after__lte=timezone.now())
    late.update(state=AnalysisState.TOO_LATE, finished_at=timezone.now())
    done = 0
    while time.monotonic() < deadline and (job := _claim()):
        done += _work(job)
    return done


def _claim() -> AnalysisJob | None:
    """Claim the next job whose source has no earlier one, because a server may lose one of two answers at once."""
    jobs = AnalysisJob.objects.filter(state__in=UNFINISHED_JOBS)
    earlier = jobs.filter(instance=OuterRef("instance"), remote_name=OuterRef("remote_name"), pk__lt=OuterRef("pk"))
    return attempts.claim_first(jobs.filter(~Exists(earlier)), LEASE)


def _work(job: AnalysisJob) -> bool:
    """Compute the answer if there is none yet, and send it; return whether it arrived."""
    if job.state == AnalysisState.WAITING:
        job.result = _computed(job)
        job.state, job.attempts = AnalysisState.COMPUTED, 1
        lease = timezone.now() + LEASE
        _update(job, state=job.state, result=job.result, attempts=job.attempts, spectra="", next_attempt_at=lease)
    try:
        state, detail = _send(job)
    except (httpx.HTTPError, AnswerTooLargeError, TriageError) as error:
        state, detail = AnalysisState.COMPUTED, f"{type(error).__name__}: {error}"
    if state == AnalysisState.COMPUTED:
        next_attempt_at = attempts.later(FIRST_PAUSE, job.attempts, LONGEST_PAUSE)
        _update(job, next_attempt_at=next_attempt_at, last_error=detail[:LONGEST_ERROR])
        return False
    if state == AnalysisState.GIVEN_UP:
        log.error("analysis of %s: %s refused the answer, which is given up: %s", job.remote_name, job.instance, detail)
    _update(job, state=state, last_error=detail[:LONGEST_ERROR], finished_at=timezone.now())
    return state == AnalysisState.SENT


def _computed(job: AnalysisJob) -> dict[str, Any]:
    """Return the answer, or a failure that says why there is none."""
    if job.attempts > MAX_ATTEMPTS:
        return failure("the spectra could not be analysed: the worker died in each attempt")
    return analyse(job.spectra, job.redshift, job.instance.url)


def _send(job: AnalysisJob) -> tuple[AnalysisState, str]:
    """Send the answer; return the job's new state and, unless it arrived, why.

    The server refuses an answer that it has already taken with 403, so after a first attempt 403 means success.
    """
    url = job.callback_url
    with open_client(job.instance.url, {"Accept": "application/json"}, TIMEOUT_SECONDS) as client:
        response, body = fetch(client, "POST", url, json=job.result)
    if 200 <= response.status_code < 300 or (response.status_code == 403 and job.attempts > 1):
        return AnalysisState.SENT, ""
    detail = f"status {response.status_code}: {body[:200].decode(errors='replace')}"
    temporary = response.status_code == 429 or response.status_code >= 500
    return AnalysisState.COMPUTED if temporary else AnalysisState.GIVEN_UP, detail


def _update(job: AnalysisJob, **changes: object) -> None:
    AnalysisJob.objects.filter(pk=job.pk).update(**changes)


def analyse(spectra: str, redshift: float | None, server: str) -> dict[str, Any]:
    """Classify the spectra of one transient for SkyPortal's callback.

    spectra: CSV table, one spectrum a row, as the server sent it.
    redshift: known redshift, or None to classify blind.
    server: address of the SkyPortal, for the receipt.

    Returns the JSON that the callback takes: status, message and results.
    """
    usable: list[tuple[str, Spectrum]] = []
    refused: list[str] = []
    try:
        records = _records(spectra)
    except csv.Error as error:
        return failure(f"no spectrum could be read, because they are not a CSV table: {error}")
    for index, record in enumerate(records):
        try:
            usable.append((str(record.get("observed_at") or index), _spectrum(record, server)))
        except (SkipError, SpectrumError) as error:
            refused.append(f"spectrum {index}: {error}")
    if not usable:
        return failure(f"no spectrum could be read ({'; '.join(refused) or 'none was sent'})"[:LONGEST_MESSAGE])
    classifier = load_classifier()
    results = classifier.predict([(spectrum, redshift) for _, spectrum in usable])
    answers = [(label, r) for (label, _), r in zip(usable, results, strict=True) if isinstance(r, SpectrumPrediction)]
    refused += [r.message for r in results if isinstance(r, SpectrumError)]
    if not answers:
        return failure(f"no spectrum could be classified ({'; '.join(refused)})"[:LONGEST_MESSAGE])
    return _success(answers, refused, classifier.hash)


def _records(table: str) -> list[dict[str, Any]]:
    """Return one record a spectrum of the transient. A cell holds a list of samples as Python or NumPy print it."""
    rows = [dict(row) for row in csv.DictReader(io.StringIO(table)) if row.get("type") in (None, "", "source")]
    return [{**row, **{name: _samples(row.get(name)) for name in _SAMPLES}} for row in rows[:MAX_SPECTRA]]


def _samples(cell: Any) -> list[float | None] | None:
    if not isinstance(cell, str) or not cell.strip().startswith("["):
        return None
    return [number(part) for part in re.split(r"[,\s]+", cell.strip().strip("[]").strip()) if part]


def _spectrum(record: dict[str, Any], server: str) -> Spectrum:
    """Read one record. Raises SkipError or SpectrumError if it holds no usable spectrum."""
    file = read_spectrum_record(record, server)
    return read_spectrum(file.content, file.filename).spectrum


def _success(answers: list[tuple[str, SpectrumPrediction]], refused: list[str], checkpoint: str) -> dict[str, Any]:
    first = answers[0][1]
    names = list(first.probabilities)
    fused = fuse(np.array([[answer.probabilities[name] for name in names] for _, answer in answers])).probabilities
    best = int(fused.argmax())
    surest = max((answer for _, answer in answers), key=lambda answer: max(answer.probabilities.values()))
    summary = {
        "class": names[best],
        "probability": round(float(fused[best]), 4),
        "probabilities": {name: round(float(p), 4) for name, p in zip(names, fused, strict=True)},
        "conformal_set_90": surest.conformal_set,
        "novelty": round(surest.novelty, 4),
        "redshift": surest.redshift,
        "redshift_error": surest.redshift_error,
        "redshift_used": surest.redshift_used,
        "checkpoint": checkpoint,
    }
    each = [{"observed_at": label, "class": a.class_name, "probabilities": a.probabilities} for label, a in answers]
    counted = f"{len(answers)} spectr{'um' if len(answers) == 1 else 'a'}"
    left_out = f"; left out: {'; '.join(refused)}" if refused else ""
    return {
        "status": "success",
        "message": f"{summary['class']} ({summary['probability']:.0%}) from {counted}{left_out}"[:LONGEST_MESSAGE],
        "analysis": {
            "annotations": [{"origin": ORIGIN, "data": summary}],
            "results": {"format": "json", "data": {**summary, "spectra": each, "left_out": refused}},
            "plots": [],
        },
    }
