"""Fixtures for the tests of accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import Group, User
from pytest_django.fixtures import Settings

from tests.fakes.oidc import CLIENT, SECRET, FakeOidc
from triage.accounts import single_sign_on
from triage.models import GroupSettings
from triage.operations.single_sign_on import OidcConfig


@pytest.fixture
def manager(make_user: Callable[..., User]) -> User:
    """Return the manager of the group ZTF."""
    user = make_user("manager", "ZTF")
    GroupSettings.objects.create(group=user.groups.get()).managers.add(user)
    return user


@pytest.fixture
def group(manager: User) -> Group:
    return manager.groups.get()


@pytest.fixture
def member(group: Group, make_user: Callable[..., User]) -> User:
    return make_user("member", "ZTF")


@pytest.fixture
def mail_server(settings: Settings) -> None:
    """Tell the desk that it has a mail server; Django's test backend keeps the messages."""
    settings.EMAIL_HOST = "mail.example.org"


@pytest.fixture
def provider(settings: Settings) -> Iterator[FakeOidc]:
    """Start a provider, and let everybody sign up who logs in there."""
    single_sign_on._discovered.cache_clear()
    with FakeOidc() as server:
        settings.OIDC = OidcConfig(server.url, CLIENT, SECRET, "ORCID", groups_claim="groups", sign_up=True)
        yield server
