"""Two reviewers, a browser in which the second one is signed in, and a desk with its demo night in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page

from tests.browser import chromium, log_in
from tests.desk import Desk, running


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    return make_user("ada")


@pytest.fixture
def ben(make_user: Callable[..., User]) -> User:
    return make_user("ben")


@pytest.fixture
def browser(ben: User, client: Client) -> Client:
    client.force_login(ben)
    return client


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running(tmp_path_factory.mktemp("desk")) as started:
        started.wait_until_classified()
        yield started


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    with chromium() as opened:
        log_in(opened, desk.url, desk.user, desk.password)
        yield opened
