"""Pages without a browser: who sees what, what is escaped, and how many queries a list takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from classifier import __version__
from tests.factories import classify_all, queries, reviewed, send, spectrum_file
from triage.intake import reread
from triage.models import Decision, Spectrum, SpectrumState, Transient, Upload
from triage.review import decisions
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db

PAGES = ("queue", "upload", "vetted", "quarantine", "tokens")


@pytest.fixture
def browser(reviewer: User, client: Client) -> Client:
    client.force_login(reviewer)
    return client


@pytest.mark.parametrize("page", PAGES)
def test_pages_ask_for_a_login(client: Client, page: str) -> None:
    answer = client.get(reverse(page))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("page", PAGES)
def test_empty_pages_say_what_to_do(browser: Client, page: str) -> None:
    answer = browser.get(reverse(page))
    assert answer.status_code == 200
    assert "<h1>" in answer.content.decode()


def test_every_page_forbids_foreign_scripts(browser: Client) -> None:
    policy = browser.get(reverse("queue"))["Content-Security-Policy"]
    assert "default-src 'none'" in policy or "default-src 'self'" in policy
    script = next(part for part in policy.split(";") if part.strip().startswith("script-src "))
    assert "unsafe-inline" not in script
    assert "http" not in script


@pytest.mark.parametrize("address", ["queue", "queue:all", "quarantine", "vetted"])
def test_a_list_takes_the_same_number_of_queries_at_any_length(browser: Client, reviewer: User, address: str) -> None:
    path = reverse("queue") + "?state=all" if address == "queue:all" else reverse(address)

    def grow(first: int, last: int) -> None:
        for seed in range(first, last):
            send(reviewer, f"T{seed}", seed)
        classify_all()
        for transient in Transient.objects.filter(pk__gt=0).exclude(name="T0").order_by("pk")[first : first + 1]:
            decisions.record_decision(reviewer, transient, Proposal("override", class_name="AGN"))

    grow(0, 3)
    few = queries(browser, path)
    grow(3, 10)
    assert queries(browser, path) <= few


def test_markup_in_a_name_is_shown_as_text(browser: Client, reviewer: User) -> None:
    name = "<script>alert(1)<" + "\\x>"
    send(reviewer, name)
    classify_all()
    for address in (reverse("queue"), reverse("review", args=[name])):
        page = browser.get(address).content.decode()
        assert "<script>alert(1)" not in page
        assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("name", ["MASTER OT J120451.50+265946.6", "AT 2018cow", "100%", "?#&", "名"])
def test_transients_with_unusual_names_have_a_page(browser: Client, reviewer: User, name: str) -> None:
    send(reviewer, name)
    classify_all()
    assert browser.get(reverse("review", args=[name])).status_code == 200


def test_a_private_spectrum_leaves_no_trace_for_other_users(
    browser: Client, make_user: Callable[..., User], client: Client
) -> None:
    owner = make_user("owner", "ePESSTO")
    spectrum = send(owner, "AT2026secret", group=owner.groups.get())
    classify_all()
    decision = decisions.record_decision(
        owner, Transient.objects.get(name="AT2026secret"), Proposal("override", class_name="TDE")
    )
    for page in ("queue", "vetted", "quarantine"):
        assert "AT2026secret" not in browser.get(reverse(page) + "?state=all").content.decode()
    assert browser.get(reverse("review", args=["AT2026secret"])).status_code == 404
    assert browser.get(reverse("plot", args=["AT2026secret"])).status_code == 404
    assert browser.get(reverse("original", args=[spectrum.pk])).status_code == 404
    browser.post(reverse("undo", args=[decision.pk]))
    assert Decision.objects.count() == 1
    # The decision form reveals no more to a stranger than the page does.
    assert browser.post(reverse("decide", args=["AT2026secret"]), {"verdict": "unsure"}).status_code == 404
    assert b"ePESSTO" not in browser.get(reverse("upload")).content


def test_upload_works_without_javascript(browser: Client) -> None:
    files = [
        SimpleUploadedFile("good.txt", spectrum_file()),
        SimpleUploadedFile("bad.txt", b"clouds\n"),
    ]
    page = browser.post(reverse("upload"), {"spectra": files, "transient": "X"}, follow=True).content.decode()
    assert page.index("bad.<wbr>txt") < page.index("good.<wbr>txt")
    assert "1 spectrum accepted, 1 file refused" in page
    assert f'href="/?state=all&amp;upload={Upload.objects.get().pk}">Review these' in page
    assert Spectrum.objects.filter(state=SpectrumState.QUEUED).count() == 1
    assert Spectrum.objects.get(state=SpectrumState.QUARANTINED).failure_code in page


def test_a_decision_leads_to_the_next_transient_and_can_be_undone(browser: Client, reviewer: User) -> None:
    for seed in range(3):
        send(reviewer, f"T{seed}", seed)
    classify_all()
    first = "T0"
    transient = reviewed(reviewer, first)
    answer = browser.post(
        reverse("decide", args=[first]), {"verdict": "confirm", "prediction": transient.current_prediction_id}
    )
    assert answer.status_code == 302
    assert answer["Location"] != reverse("review", args=[first])
    page = browser.get(answer["Location"]).content.decode()
    decision = Decision.objects.get()
    assert reverse("undo", args=[decision.pk]) in page
    answer = browser.post(reverse("undo", args=[decision.pk]))
    assert answer["Location"] == reverse("review", args=[first])
    assert reviewed(reviewer, first).standing_verdict == ""


def test_an_undone_decision_leaves_what_was_typed_in_the_form_until_the_next_decision(
    browser: Client, reviewer: User
) -> None:
    send(reviewer, "T0")
    classify_all()
    address, decide = reverse("review", args=["T0"]), reverse("decide", args=["T0"])
    browser.post(decide, {"verdict": "override", "class_name": "AGN", "redshift": "0,0", "comment": "narrow <Hα>"})
    page = browser.post(reverse("undo", args=[Decision.objects.get().pk]), follow=True)
    typed = page.context["page"].form.typed
    assert (typed["redshift"], typed["comment"]) == ("0.0", "narrow <Hα>")
    assert 'value="0.0"></label>' in page.content.decode()
    assert "narrow &lt;Hα&gt;</textarea>" in page.content.decode()
    browser.post(decide, {"verdict": "unsure"})
    assert browser.get(address).context["page"].form.typed == {}


def test_nobody_else_gets_what_an_undone_decision_held(
    browser: Client, reviewer: User, make_user: Callable[..., User]
) -> None:
    send(reviewer, "T0")
    classify_all()
    browser.post(reverse("decide", args=["T0"]), {"verdict": "unsure", "comment": "mine"})
    browser.post(reverse("undo", args=[Decision.objects.get().pk]))
    browser.force_login(make_user("other"))
    assert browser.get(reverse("review", args=["T0"])).context["page"].form.typed == {}


def test_a_newer_prediction_stops_a_decision_on_the_old_one(browser: Client, reviewer: User) -> None:
    send(reviewer, "T0")
    classify_all()
    seen = reviewed(reviewer, "T0").current_prediction_id
    reread.read_again(reviewer, Spectrum.objects.get(), {"frame": "rest"})
    classify_all()
    address = reverse("decide", args=["T0"])
    answer = browser.post(address, {"verdict": "confirm", "prediction": seen}, follow=True)
    assert "newer prediction" in answer.content.decode()
    assert not Decision.objects.exists()


def test_the_queue_can_be_filtered_by_class_and_name(browser: Client, reviewer: User) -> None:
    for seed in range(3):
        send(reviewer, f"AT2026a{seed}", seed)
    classify_all()
    found = reviewed(reviewer, "AT2026a0")
    page = browser.get(reverse("queue"), {"class": found.predicted_class}).content.decode()
    assert found.name in page
    assert "AT2026a1" in browser.get(reverse("queue"), {"q": "a1"}).content.decode()
    assert "AT2026a0" not in browser.get(reverse("queue"), {"q": "a1"}).content.decode()
    assert "Nothing here matches" in browser.get(reverse("queue"), {"class": "Kilonova"}).content.decode()


def test_a_token_is_shown_once_and_can_be_revoked(browser: Client, reviewer: User) -> None:
    page = browser.post(reverse("tokens"), {"label": "laptop", "days": "30"})
    key = page.context["key"]
    assert key in page.content.decode()
    assert Client().get("/api/v1/queue/", headers={"Authorization": f"Token {key}"}).status_code == 200
    again = browser.get(reverse("tokens")).content.decode()
    assert "laptop" in again
    assert key not in again
    assert not any(field in again for field in ('name="upload" checked', 'name="decide" checked'))
    assert (reviewer.api_tokens.get().may_upload, reviewer.api_tokens.get().may_decide) == (False, False)
    browser.post(reverse("revoke-token", args=[reviewer.api_tokens.get().pk]))
    assert Client().get("/api/v1/queue/", headers={"Authorization": f"Token {key}"}).status_code == 401


@pytest.mark.parametrize("path", ["/", "/login/", "/nothing/here/"])
def test_every_page_shows_the_version(browser: Client, path: str) -> None:
    for visitor in (browser, Client()):
        assert f"version {__version__}</footer>" in visitor.get(path, follow=True).content.decode()
    assert f"version {__version__}</footer>" in render_to_string("500.html")
    assert f"version: {__version__}\n" in browser.get("/api/v1/schema/").content.decode()


@pytest.mark.parametrize("path", ["/nothing/here/", "/transients/none/"])
def test_an_unknown_url_shows_our_own_error_page(browser: Client, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "To the queue" in answer.content.decode()
    assert reverse("upload") in answer.content.decode()
    assert Client().get("/nothing/here/").status_code == 404


def test_a_wrong_password_puts_the_cursor_into_the_password_field(client: Client, reviewer: User) -> None:
    page = client.post(reverse("login"), {"username": reviewer.username, "password": "wrong"}).content.decode()
    assert 'autocomplete="current-password" autofocus' in page
    assert page.count("autofocus") == 1


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_the_health_check_needs_no_login(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_a_refused_decision_keeps_what_was_typed(browser: Client, reviewer: User) -> None:
    send(reviewer, "T0")
    classify_all()
    typed = {"verdict": "override", "class_name": "SN Foo", "comment": "odd bump at 6000", "redshift": "0.123"}
    answer = browser.post(reverse("decide", args=["T0"]), typed)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert all(f'value="{typed[name]}"' in page for name in ("class_name", "redshift"))
    assert "odd bump at 6000" in page
    assert "did you mean" in page
    # A class typed beside Confirm is not ignored silently.
    answer = browser.post(reverse("decide", args=["T0"]), {**typed, "class_name": "AGN", "verdict": "confirm"})
    assert answer.status_code == 400
    assert not Decision.objects.exists()


def test_the_vetted_list_shows_each_decision(browser: Client, reviewer: User) -> None:
    send(reviewer, "T0")
    classify_all()
    decisions.record_decision(reviewer, Transient.objects.get(), Proposal("override", class_name="LBV", redshift=0.7))
    page = browser.get(reverse("queue"), {"state": "vetted", "class": "LBV"}).content.decode()
    assert "LBV" in page
    assert "z 0.7" in page
    assert "the network said" in page


def test_a_transient_with_only_bad_spectra_is_still_listed(browser: Client, reviewer: User) -> None:
    send(reviewer, "T0")
    classify_all()
    decisions.record_decision(reviewer, Transient.objects.get(), Proposal("bad_spectrum"))
    page = browser.get(reverse("queue"), {"state": "bad"}).content.decode()
    assert "T0" in page
    assert "in the queue of the network" not in page


def test_the_undo_key_works_on_any_review_page(browser: Client, reviewer: User) -> None:
    for seed in range(2):
        send(reviewer, f"T{seed}", seed)
    classify_all()
    decision = decisions.record_decision(
        reviewer, Transient.objects.get(name="T0"), Proposal("override", class_name="AGN")
    )
    assert (
        f'{reverse("undo", args=[decision.pk])}" data-undo-last'
        in browser.get(reverse("review", args=["T1"])).content.decode()
    )


@pytest.mark.parametrize("name", ["account", "notifications", "policies", "automatic", "tokens", "webhooks"])
def test_the_settings_pages_lead_to_each_other(browser: Client, name: str) -> None:
    page = browser.get(reverse(name)).content.decode()
    sections = page.split('aria-label="Settings"')[1].split("</nav>")[0]
    assert f'<a href="{reverse(name)}" aria-current="page">' in sections
    assert sections.count("<a ") == 6
