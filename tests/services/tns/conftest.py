"""A TNS that this desk has credentials for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from tests.fakes.tns import KEY, FakeTns


@pytest.fixture
def server(settings: Settings) -> Iterator[FakeTns]:
    cache.clear()
    with FakeTns() as fake:
        settings.TNS_SANDBOX_URL, settings.TNS_LIVE_URL = fake.url, "http://127.0.0.1:9"
        settings.TNS_API_KEY, settings.TNS_BOT_ID, settings.TNS_BOT_NAME = KEY, "4242", "triage_bot"
        yield fake
