"""Metrics for monitoring."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import spectrum_file
from triage.inference import worker
from triage.intake.submit import submit_spectrum
from triage.models import InferenceBatch

pytestmark = pytest.mark.django_db


def scrape(token: str = "scraper") -> Any:
    return Client().get("/metrics", headers={"Authorization": f"Bearer {token}"})


def numbers(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def test_metrics_need_the_token(settings: Any) -> None:
    assert scrape("").status_code == 404
    settings.METRICS_TOKEN = "scraper"
    assert scrape("another").status_code == 404
    assert Client().get("/metrics").status_code == 404
    assert scrape().status_code == 200


def test_metrics_follow_spectra_from_backlog_to_prediction(reviewer: User, settings: Any) -> None:
    settings.METRICS_TOKEN = "scraper"
    for seed in range(2):
        submit_spectrum(reviewer, spectrum_file(seed=seed), f"{seed}.txt")
    rows = b"\n".join(b"%d %d" % (w, 100 + w % 17) for w in range(12_000, 24_000, 20))
    submit_spectrum(reviewer, rows, "nir.txt")
    before = numbers(scrape().content.decode())
    assert before["triage_queue_depth"] == 3
    assert before["triage_queue_oldest_seconds"] > 0
    worker.process_backlog()
    after = numbers(scrape().content.decode())
    assert (after["triage_queue_depth"], after['triage_spectra{state="classified"}']) == (0, 2)
    assert after['triage_failures{code="insufficient_coverage"}'] == 1
    assert after["triage_predictions_last_hour"] == 2
    assert (after["triage_inference_batches_last_hour"], after["triage_inference_spectra_last_hour"]) == (1, 3)
    assert after["triage_inference_seconds_last_hour"] == InferenceBatch.objects.get().seconds
