"""A desk whose policies classify."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from tests.review.lane.desk import keeper, predicted


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    return keeper(make_user)


@pytest.fixture
def ben(make_user: Callable[..., User]) -> User:
    return make_user("ben")


@pytest.fixture(autouse=True)
def early(ada: User) -> None:
    """Give the desk a checkpoint and a transient that came before any policy was switched on."""
    predicted(ada, "EARLY", 99)
