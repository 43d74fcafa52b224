"""Two users of the API tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    return make_user("ada", "ePESSTO")


@pytest.fixture
def ben(make_user: Callable[..., User]) -> User:
    return make_user("ben")
