"""Two reviewers, and a browser in which the second one is signed in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client


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
