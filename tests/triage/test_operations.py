from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.conftest import spectrum_file
from triage import inference, logs
from triage.intake import submit_spectrum
from triage.models import InferenceBatch

pytestmark = pytest.mark.django_db


def scrape(token: str = "scraper") -> Any:
    return Client().get("/metrics", headers={"Authorization": f"Bearer {token}"})


def numbers(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def test_without_the_token_there_are_no_metrics(settings: Any) -> None:
    assert scrape("").status_code == 404
    settings.METRICS_TOKEN = "scraper"
    assert scrape("another").status_code == 404
    assert Client().get("/metrics").status_code == 404
    assert scrape().status_code == 200


def test_metrics_follow_spectra_from_queue_to_prediction(reviewer: User, settings: Any) -> None:
    settings.METRICS_TOKEN = "scraper"
    for seed in range(2):
        submit_spectrum(reviewer, spectrum_file(seed=seed), f"{seed}.txt")
    rows = b"\n".join(b"%d %d" % (w, 100 + w % 17) for w in range(12_000, 24_000, 20))
    submit_spectrum(reviewer, rows, "nir.txt")
    before = numbers(scrape().content.decode())
    assert before["triage_queue_depth"] == 3
    assert before["triage_queue_oldest_seconds"] > 0
    inference.process_queue()
    after = numbers(scrape().content.decode())
    assert (after["triage_queue_depth"], after['triage_spectra{state="classified"}']) == (0, 2)
    assert after['triage_failures{code="insufficient_coverage"}'] == 1
    assert after["triage_predictions_last_hour"] == 2
    assert (after["triage_inference_batches_last_hour"], after["triage_inference_spectra_last_hour"]) == (1, 3)
    assert after["triage_inference_seconds_last_hour"] == InferenceBatch.objects.get().seconds


@pytest.mark.parametrize(("sent", "kept"), [("night-7.a", True), ("x\ny", False), ("x" * 65, False), ("", False)])
def test_a_request_keeps_its_id_or_gets_one(sent: str, kept: bool) -> None:
    answered = Client().get("/healthz", headers={"X-Request-ID": sent}).headers["X-Request-ID"]
    assert (answered == sent) == kept
    assert len(answered) > 3


def line(formatter: logging.Formatter, message: str) -> str:
    return formatter.format(logging.LogRecord("triage", logging.INFO, "f", 1, message, None, None))


def test_log_lines_say_what_they_are_about() -> None:
    with logs.about(request="abc"), logs.about(spectrum=7):
        told = json.loads(line(logs.JsonFormatter(), "“classified”\nsecond line"))
        assert (told["request"], told["spectrum"], told["level"]) == ("abc", 7, "INFO")
        assert line(logs.LineFormatter(), "done").endswith("triage: done [request=abc spectrum=7]")
    assert line(logs.LineFormatter(), "done").endswith("triage: done")


def test_a_spectrum_can_be_followed_from_its_request_to_its_prediction(
    reviewer: User, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[tuple[str, dict[str, Any]]] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append((record.getMessage(), json.loads(logs.JsonFormatter().format(record))))

    listener = Listener()
    logging.getLogger("triage").addHandler(listener)
    try:
        with caplog.at_level(logging.INFO, logger="triage"), logs.about(request="r1"):
            spectrum = submit_spectrum(reviewer, spectrum_file(), "a.txt").spectrum
        with caplog.at_level(logging.INFO, logger="triage"):
            inference.process_queue()
    finally:
        logging.getLogger("triage").removeHandler(listener)
    mine = [told for _, told in seen if told.get("spectrum") == spectrum.pk]
    assert mine[0]["request"] == "r1"
    assert mine[-1]["message"].startswith("classified")
