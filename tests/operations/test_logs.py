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


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("/login/new/MQ/c4f2-0a1b2c/", "/login/new/…"),
        ("/invitations/7:s3cr3t/", "/invitations/…"),
        ("/sso/callback/?code=s3cr3t&state=x", "/sso/callback/…"),
        ("/transients/AT2026abc/?spectrum=7", "/transients/AT2026abc/?spectrum=7"),
    ],
)
def test_no_log_line_holds_an_address_that_lets_somebody_in(address: str, kept: str) -> None:
    assert line(logs.LineFormatter(), f"Bad Request: {address} x").endswith(f"triage: Bad Request: {kept} x")
    assert json.loads(line(logs.JsonFormatter(), f"Bad Request: {address} x"))["message"] == f"Bad Request: {kept} x"


@pytest.mark.parametrize("formatter", [logs.LineFormatter(), logs.JsonFormatter()])
def test_no_traceback_holds_an_address_that_lets_somebody_in(formatter: logging.Formatter) -> None:
    error = ValueError("no answer from /sso/callback/?code=s3cr3t&state=x")
    record = logging.LogRecord("triage", logging.ERROR, "f", 1, "failed", None, (ValueError, error, None))
    told = formatter.format(record)
    assert "no answer from /sso/callback/…" in told
    assert "s3cr3t" not in told


def test_the_web_servers_lines_about_requests_are_written_by_the_same_formatters() -> None:
    settings = logs.logging_settings("json", "", embedded=False)
    assert settings["loggers"]["gunicorn.access"]["handlers"] == settings["root"]["handlers"] == ["stderr"]


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
