"""Fixtures for the tests of services that the desk talks to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.fakes.receiver import Receiver


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """Start a web server that keeps the messages it is sent, and let the desk send to it."""
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True
    with Receiver() as server:
        yield server


@pytest.fixture
def mail_server(settings: Settings) -> None:
    """Tell the desk that it has a mail server; Django's test backend keeps the messages."""
    settings.EMAIL_HOST = "mail.example.org"
