"""Log lines name the request and the spectrum they are about."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import spectrum_file
from triage.inference import worker
from triage.intake.submit import submit_spectrum
from triage.operations import logs

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("sent", "kept"), [("night-7.a", True), ("x\ny", False), ("x" * 65, False), ("", False)])
def test_a_request_keeps_its_valid_id_or_gets_a_new_one(sent: str, kept: bool) -> None:
    answered = Client().get("/healthz", headers={"X-Request-ID": sent}).headers["X-Request-ID"]
    assert (answered == sent) == kept
    assert len(answered) > 3


def line(formatter: logging.Formatter, message: str) -> str:
    return formatter.format(logging.LogRecord("triage", logging.INFO, "f", 1, message, None, None))


def test_log_lines_name_their_request_and_spectrum() -> None:
    with logs.about(request="abc"), logs.about(spectrum=7):
        told = json.loads(line(logs.JsonFormatter(), "“classified”\nsecond line"))
        assert (told["request"], told["spectrum"], told["level"]) == ("abc", 7, "INFO")
        assert line(logs.LineFormatter(), "done").endswith("triage: done [request=abc spectrum=7]")
    assert line(logs.LineFormatter(), "done").endswith("triage: done")


def test_the_log_follows_a_spectrum_from_its_request_to_its_prediction(
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
            worker.process_backlog()
    finally:
        logging.getLogger("triage").removeHandler(listener)
    mine = [told for _, told in seen if told.get("spectrum") == spectrum.pk]
    assert mine[0]["request"] == "r1"
    assert mine[-1]["message"].startswith("classified")
