"""Which ways of logging in a desk offers, by its variables."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.accounts.provider_logins import log_in
from tests.accounts.test_groups import browser_of
from tests.fakes.oidc import FakeOidc
from triage.accounts import invitations
from triage.models import GroupInvitation

pytestmark = pytest.mark.django_db


def test_the_login_page_offers_both_ways(provider: FakeOidc) -> None:
    page = Client().get("/login/?next=/vetted/").content.decode()
    assert '<a class="button" href="/sso/login/?next=%2Fvetted%2F">Log in with ORCID</a>' in page
    assert 'name="password"' in page


@pytest.fixture
def no_passwords(settings: Settings) -> None:
    settings.PASSWORD_LOGIN = False
    settings.AUTHENTICATION_BACKENDS = [
        "triage.accounts.login_throttle.LoginThrottle",
        "triage.accounts.backends.SingleSignOn",
    ]


def test_without_password_login_no_password_signs_in(
    provider: FakeOidc, manager: User, group: Group, mail_server: None, no_passwords: None
) -> None:
    page = Client().get("/login/").content.decode()
    assert "Log in with ORCID" in page
    assert 'name="password"' not in page
    assert Client().post("/login/", {"username": "manager", "password": "a long password"}).status_code == 403
    assert not Client().login(username="manager", password="a long password")
    for address in ("/login/forgotten/", "/login/new/MQ/a-b/"):
        assert Client().get(address).status_code == 404
    week = timezone.now() + timedelta(days=7)
    invitation = GroupInvitation.objects.create(group=group, made_by=manager, expires_at=week)
    link = reverse("invitation", args=[invitations.token_of(invitation)])
    assert "password" not in Client().get(link).content.decode()
    assert Client().post(link, {"username": "x", "password1": "four odd words"}).status_code == 200
    assert not User.objects.filter(username="x").exists()
    browser = browser_of(manager)
    assert "Change the password" not in browser.get(reverse("account")).content.decode()
    assert browser.post(reverse("change-password"), {}).status_code == 404


def test_sessions_that_a_password_began_end_when_password_login_is_switched_off(
    provider: FakeOidc, reviewer: User, settings: Settings, request: pytest.FixtureRequest
) -> None:
    by_password, by_provider = Client(), Client()
    by_password.login(username="reviewer", password="a long password")
    log_in(by_provider)
    assert by_password.get("/").status_code == by_provider.get("/").status_code == 200
    request.getfixturevalue("no_passwords")
    assert (by_password.get("/").status_code, by_provider.get("/").status_code) == (302, 200)


def test_a_user_of_the_provider_has_no_password_to_change(provider: FakeOidc) -> None:
    browser = Client()
    log_in(browser)
    assert "Change the password" not in browser.get(reverse("account")).content.decode()
    assert browser.post(reverse("change-password"), {}).status_code == 404


def _settings_with(folder: Path, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run code with the settings of a desk that has only these variables."""
    environment = {"PATH": "/usr/bin:/bin", "TRIAGE_VAR": str(folder), "DJANGO_SETTINGS_MODULE": "triage.settings"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import django, sys; django.setup(); {code}"],
        env=environment | variables,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )


def test_without_a_variable_nothing_of_it_is_loaded_and_no_address_answers(tmp_path: Path) -> None:
    code = (
        "from django.conf import settings; from django.urls import get_resolver, resolve; resolve('/login/'); "
        "print('allauth' in sys.modules, [m for m in settings.MIDDLEWARE if 'allauth' in m], "
        "[p for p in map(str, get_resolver().url_patterns) if 'sso' in p])"
    )
    done = _settings_with(tmp_path, code)
    assert done.stdout.strip() == "False [] []", done.stderr


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"PASSWORD_LOGIN": "0"}, "only with single sign-on"),
        ({"OIDC_ISSUER": "https://orcid.org"}, "needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET"),
        ({"OIDC_ISSUER": "http://orcid.org"}, "must begin with https://"),
        (
            {
                "OIDC_ISSUER": "https://a.org",
                "OIDC_CLIENT_ID": "a",
                "OIDC_CLIENT_SECRET": "b",
                "OIDC_GROUPS": "ztf",
            },
            "OIDC_GROUPS must be a list",
        ),
    ],
)
def test_variables_that_do_not_fit_stop_the_desk(tmp_path: Path, variables: dict[str, str], told: str) -> None:
    done = _settings_with(tmp_path, "pass", **variables)
    assert done.returncode != 0
    assert told in done.stderr


def test_the_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    code = "from django.conf import settings; c = settings.OIDC; print(c.client_secret, c.groups, c.scopes)"
    done = _settings_with(
        tmp_path,
        code,
        OIDC_ISSUER="https://a.org",
        OIDC_CLIENT_ID="a",
        OIDC_CLIENT_SECRET_FILE=str(tmp_path / "secret"),
        OIDC_GROUPS="/a=b=ZTF, /c=YSE",
        OIDC_SCOPES="openid groups",
    )
    assert done.stdout.strip() == "from a file {'/a=b': 'ZTF', '/c': 'YSE'} ('openid', 'groups')", done.stderr
