"""A broker that hangs holds nobody up."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from triage import doorbell
from triage.celery import app


@pytest.fixture
def silent_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the desk talk to a Redis that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setitem(app.conf, "broker_url", f"redis://127.0.0.1:{listening.getsockname()[1]}/0")
        monkeypatch.setitem(app.conf, "broker_transport_options", {})
        monkeypatch.setattr(doorbell, "_silent_until", 0.0)
        yield


def test_a_broker_that_never_answers_is_given_up_soon_and_then_left_alone(
    silent_broker: None, caplog: pytest.LogCaptureFixture
) -> None:
    started = time.monotonic()
    for _ in range(20):
        doorbell.ring(doorbell.PROCESS_BACKLOG)
    # Without a bound, the first one alone would wait for ever.
    assert time.monotonic() - started < 10 * doorbell.PATIENCE
    assert caplog.text.count("did not take the doorbell") == 1
