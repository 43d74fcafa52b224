"""Single sign-on against a provider that behaves as OpenID Connect says, and against ones that do not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from tests.accounts.provider_logins import come_back, configure, log_in, name_of
from tests.accounts.test_groups import acts, browser_of
from tests.fakes.oidc import CLIENT, OTHER_KEY, SECRET, FakeOidc
from triage.accounts import single_sign_on
from triage.operations.single_sign_on import OidcConfig

pytestmark = pytest.mark.django_db


def test_a_new_person_gets_an_account_and_finds_it_again(provider: FakeOidc) -> None:
    browser = Client()
    assert log_in(browser).wsgi_request.path == reverse("queue")
    user = User.objects.get()
    assert (user.username, user.get_full_name(), user.has_usable_password()) == ("ada", "Ada Lovelace", False)
    assert (user.is_staff, user.is_superuser, user.email) == (False, False, "")
    again = Client()
    log_in(again)
    assert (name_of(again), User.objects.count()) == ("ada", 1)
    assert acts() == [("ada", "made the account by ORCID")]


def test_the_provider_is_asked_as_the_standard_says(provider: FakeOidc) -> None:
    log_in(Client())
    (asked,) = provider.asked
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}
    assert asked["redirect_uri"] == "http://testserver/sso/callback/"
    assert len(asked["state"]) >= 16
    assert len(asked["nonce"]) == 32
    assert asked["code_challenge_method"] == "S256"


@pytest.mark.parametrize("methods", [["client_secret_basic"], ["client_secret_post"]])
def test_the_secret_is_sent_in_the_way_that_the_provider_takes(provider: FakeOidc, methods: list[str]) -> None:
    provider.methods = methods
    log_in(Client())
    assert User.objects.exists()


def test_a_provider_without_scopes_for_profiles_is_asked_for_the_login_alone(provider: FakeOidc) -> None:
    provider.scopes = ["openid"]
    log_in(Client())
    assert provider.asked[0]["scope"] == "openid"
    assert User.objects.exists()


def test_one_comes_back_to_the_page_that_asked_for_the_login_and_to_no_other_site(provider: FakeOidc) -> None:
    assert log_in(Client(), "?next=/vetted/").wsgi_request.path == "/vetted/"
    for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)", "nan"):
        assert log_in(Client(), f"?next={elsewhere}").wsgi_request.path == reverse("queue")


def test_a_name_of_the_provider_with_letters_that_look_like_another_one_is_not_taken_over(provider: FakeOidc) -> None:
    assert provider.person is not None
    provider.person["preferred_username"] = "\u0430da"
    log_in(Client())
    assert User.objects.get().username == "ada"


@pytest.mark.parametrize("verified", [True, False])
def test_an_e_mail_address_leads_to_no_existing_account(provider: FakeOidc, reviewer: User, verified: bool) -> None:
    User.objects.filter(pk=reviewer.pk).update(email="ann@example.org")
    assert provider.person is not None
    provider.person |= {"email": "ann@example.org", "email_verified": verified, "preferred_username": "reviewer"}
    browser = Client()
    log_in(browser)
    user = User.objects.exclude(pk=reviewer.pk).get()
    assert name_of(browser) == user.username != "reviewer"
    assert user.email == ("ann@example.org" if verified else "")
    reviewer.refresh_from_db()
    assert reviewer.has_usable_password()


def test_the_same_subject_of_another_issuer_is_another_person(provider: FakeOidc, settings: Settings) -> None:
    log_in(Client())
    with FakeOidc() as other:
        configure(settings, issuer=other.url)
        log_in(Client())
    assert User.objects.count() == 2
    assert set(SocialAccount.objects.values_list("uid", flat=True)) == {"0000-0001"}


def test_a_subject_that_the_table_cannot_hold_signs_nobody_in(provider: FakeOidc) -> None:
    assert provider.person is not None
    provider.person["sub"] = "s" * 191
    log_in(Client())
    assert SocialAccount.objects.get().uid == "s" * 191
    for subject in ("s" * 192, "", "a\0", 17):
        provider.person["sub"] = subject
        assert name_of(failed(provider)) is None


def test_neither_tokens_nor_addresses_of_the_provider_are_stored(provider: FakeOidc) -> None:
    assert provider.person is not None
    provider.person |= {"email": "ann@example.org", "email_verified": False, "phone_number": "+1"}
    log_in(Client())
    assert not SocialToken.objects.exists()
    assert set(SocialAccount.objects.get().extra_data) == {"iss", "sub"}


def failed(provider: FakeOidc) -> Client:
    """Try to log in, expect the login page with its reason, and return the browser."""
    browser = Client()
    page = log_in(browser)
    assert page.wsgi_request.path == reverse("login")
    assert "The login by ORCID did not work" in page.content.decode()
    return browser


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "another client"},
        {"aud": [CLIENT, "another client"]},
        {"azp": "another client"},
        {"exp": int(time.time()) - 3600},
        {"nonce": "of another login"},
        {"nonce": None},
        {"sub": None},
        {"sub": "somebody else than in the user info"},
        {"iat": None},
    ],
)
def test_an_id_token_that_is_not_good_signs_nobody_in(provider: FakeOidc, changes: dict[str, Any]) -> None:
    provider.id_token = changes
    assert name_of(failed(provider)) is None
    assert not User.objects.exists()


def test_a_token_with_another_signature_signs_nobody_in(provider: FakeOidc) -> None:
    provider.key = OTHER_KEY
    assert name_of(failed(provider)) is None


def test_a_user_info_about_somebody_else_signs_nobody_in(provider: FakeOidc) -> None:
    provider.info = {"sub": "somebody else"}
    assert name_of(failed(provider)) is None


def test_a_person_who_refuses_is_back_at_the_login(provider: FakeOidc) -> None:
    provider.person = None
    assert name_of(failed(provider)) is None


def test_an_answer_that_this_browser_did_not_ask_for_signs_nobody_in(provider: FakeOidc) -> None:
    address = come_back(Client().get("/sso/login/"))
    victim = Client()
    victim.get("/sso/login/")
    assert victim.get(address, follow=True).wsgi_request.path == reverse("login")
    assert name_of(victim) is None


def test_a_provider_that_calls_itself_otherwise_is_refused(provider: FakeOidc) -> None:
    provider.issuer = "https://evil.example"
    page = Client().get("/sso/login/", follow=True).content.decode()
    assert "ORCID cannot be reached" in page


def test_a_provider_that_is_away_is_named_on_the_login_page(settings: Settings) -> None:
    single_sign_on._discovered.cache_clear()
    settings.OIDC = OidcConfig("http://127.0.0.1:9", CLIENT, SECRET, "ORCID")
    page = Client().get("/sso/login/", follow=True)
    assert "ORCID cannot be reached" in page.content.decode()
    assert page.wsgi_request.path == reverse("login")


def test_the_discovery_document_is_fetched_once_for_many_logins(provider: FakeOidc) -> None:
    for _ in range(3):
        log_in(Client())
    assert provider.count("GET", "/.well-known") == 1


def test_a_user_who_was_switched_off_stays_out(provider: FakeOidc) -> None:
    log_in(Client())
    User.objects.update(is_active=False)
    browser = Client()
    assert "This account is switched off" in log_in(browser).content.decode()
    assert name_of(browser) is None


def test_a_session_of_the_provider_lasts_a_day(provider: FakeOidc) -> None:
    browser = Client()
    log_in(browser)
    assert browser.session.get_expiry_age() <= 86_400


def test_a_user_connects_an_account_from_the_account_page(provider: FakeOidc, reviewer: User) -> None:
    browser = browser_of(reviewer)
    page = browser.get(reverse("account")).content.decode()
    query = page.split("/sso/login/")[1].split('"')[0]
    assert "Your account is connected" in log_in(browser, query).content.decode()
    assert "You can log in with ORCID." in browser.get(reverse("account")).content.decode()
    assert acts() == [("reviewer", "connected the account with ORCID")]
    later = Client()
    log_in(later)
    assert (name_of(later), User.objects.count()) == ("reviewer", 1)


def test_a_login_of_another_account_cannot_be_connected(provider: FakeOidc, reviewer: User) -> None:
    log_in(Client())
    browser = browser_of(reviewer)
    query = browser.get(reverse("account")).content.decode().split("/sso/login/")[1].split('"')[0]
    assert "belongs to another account" in log_in(browser, query).content.decode()
    assert SocialAccount.objects.get().user.username == "ada"


def test_another_site_cannot_connect_a_user_s_account(
    provider: FakeOidc, reviewer: User, make_user: Callable[..., User]
) -> None:
    other = browser_of(make_user("other")).get(reverse("account")).content.decode()
    foreign = other.split("/sso/login/")[1].split('"')[0]
    for query in ("?connect=", "?connect=1", foreign):
        assert browser_of(reviewer).get(f"/sso/login/{query}").status_code == 403
        assert Client().get(f"/sso/login/{query}").status_code == 403
    assert browser_of(reviewer).get("/sso/login/?process=connect")["Location"] == reverse("queue")


def test_the_way_back_has_the_desk_s_strict_policy(provider: FakeOidc) -> None:
    answer = Client().get("/sso/login/")
    assert urlsplit(answer["Location"]).path == "/authorize"
    assert "form-action 'self'" in answer["Content-Security-Policy"]
