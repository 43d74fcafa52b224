"""Simulated spectra are on every page of a user who has no others, and on none once observed ones came."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.api_client import session_client
from tests.factories import classified, classify_all, override, queries, spectrum_file
from triage.intake.submit import Given, submit_spectrum
from triage.models import Prediction, Spectrum, SpectrumState, Transient
from triage.models.demonstration import Demonstration
from triage.queue import entries
from triage.review import comments, inbox

pytestmark = pytest.mark.django_db

# The running night, which the digest does not show by default between noon and midnight UTC.
TONIGHT = (timezone.now() - timedelta(hours=12)).date()
# Pages that list transients, each with the transients of a night that are on it.
LISTS = {
    reverse("queue"): {"waits"},
    f"{reverse('queue')}?state=all": {"waits", "vetted", "failed"},
    f"{reverse('bulk')}?threshold=50": {"waits"},
    reverse("vetted"): {"vetted"},
    reverse("quarantine"): {"failed"},
    f"{reverse('search')}?q=26": {"waits", "vetted", "failed"},
    f"{reverse('digest')}?format=text&date={TONIGHT}": {"vetted"},
    reverse("inbox"): {"vetted"},
}
API = "/api/v1"


def night(ada: User, ben: User, prefix: str, **given: Any) -> None:
    """Add a transient that waits, one that two vetted and ada told ben of, and one that cannot be classified."""
    first_seed = 100 if given.get("simulated") else 0
    for seed, name in enumerate(("waits", "vetted", "failed"), start=first_seed):
        stated = Given(transient=f"{prefix}26{name}", **given)
        submit_spectrum(ada, spectrum_file(seed=seed), f"{seed}.txt", stated)
    classify_all()
    Prediction.objects.update(class_name="SN Ia", uncertainty=0.02)
    for reviewer in (ada, ben):
        override(reviewer, Transient.objects.get(name=f"{prefix}26vetted"), "SN Ia")
    shared = Group.objects.get_or_create(name="a")[0]
    shared.user_set.set([ada, ben])
    comments.add(ada, Transient.objects.get(name=f"{prefix}26vetted"), "@ben look")
    shared.user_set.clear()
    failed = Spectrum.objects.filter(transient__name=f"{prefix}26failed")
    failed.update(state=SpectrumState.FAILED, current_prediction=None, failure_reason="of a test")
    for transient in Transient.objects.filter(name__startswith=prefix):
        entries.refresh(transient.pk)


def named(browser: Client, address: str, prefix: str) -> set[str]:
    """Return which transients of a night a page names."""
    shown = browser.get(address).content.decode()
    return {name for name in ("waits", "vetted", "failed") if f"{prefix}26{name}" in shown}


def counted(browser: Client) -> dict[str, Any]:
    """Return numbers from the dashboard, the agreement page and the queue's script."""
    tonight = browser.get(reverse("night")).context["numbers"]
    pairs = browser.get(reverse("agreement")).context["pairs"]
    states = browser.get(reverse("queue-counts")).json()
    return {
        "unread": browser.get(reverse("queue")).context["unread"],
        **{name: tonight[name] for name in ("arrived", "classified", "failed", "vetted", "waiting")},
        "agreement": pairs[0].kappa.count,
        "states": {name: number for name, number in states.items() if number},
    }


ONE_NIGHT = {"arrived": 3, "classified": 2, "failed": 1, "vetted": 1, "waiting": 1, "agreement": 1, "unread": 1}
ONE_NIGHT |= {"states": {"pending": 1, "done": 1, "failed": 1}}  # type: ignore[dict-item]
TWO_NIGHTS = {name: 2 * number for name, number in ONE_NIGHT.items() if isinstance(number, int)}


def test_a_user_with_nothing_but_the_demo_night_sees_it_on_every_page(browser: Client, ada: User, ben: User) -> None:
    night(ada, ben, "SIM", simulated=True)
    assert {address: named(browser, address, "SIM") for address in LISTS} == LISTS
    assert counted(browser) == ONE_NIGHT
    assert "left out" not in browser.get(reverse("queue")).content.decode()


def test_once_observed_spectra_came_every_page_leaves_the_demo_night_out_and_says_so(
    browser: Client, ada: User, ben: User
) -> None:
    night(ada, ben, "SIM", simulated=True)
    night(ada, ben, "SN20")
    assert {address: named(browser, address, "SIM") for address in LISTS} == {address: set() for address in LISTS}
    assert {address: named(browser, address, "SN20") for address in LISTS} == LISTS
    assert counted(browser) == ONE_NIGHT
    browser.post(reverse("inbox"))
    assert (inbox.unread(ben, simulated=False), inbox.unread(ben)) == (0, 1)
    assert "simulated spectra of the demo night are left out" in browser.get(reverse("queue")).content.decode()
    assert "simulated=false" in browser.get(reverse("vetted")).content.decode()


def test_the_switch_shows_simulated_spectra_and_leaves_them_out_again(browser: Client, ada: User, ben: User) -> None:
    night(ada, ben, "SIM", simulated=True)
    night(ada, ben, "SN20")
    answer = browser.post(reverse("show-demo"), {"shown": "1", "from": "/vetted/?sort=name"})
    assert answer["Location"] == "/vetted/?sort=name"
    assert {address: named(browser, address, "SIM") for address in LISTS} == LISTS
    assert counted(browser) == {**TWO_NIGHTS, "states": {"pending": 2, "done": 2, "failed": 2}}
    assert "simulated=" not in browser.get(reverse("vetted")).content.decode()
    answer = browser.post(reverse("show-demo"), {"shown": "0", "from": "//elsewhere.example/"})
    assert answer["Location"] == reverse("queue")
    assert named(browser, reverse("queue"), "SIM") == set()


def test_observed_spectra_of_a_group_change_nothing_for_others(browser: Client, ada: User, ben: User) -> None:
    classified(ada, "SIM26waits", simulated=True)
    secret = Group.objects.create(name="secret")
    ada.groups.add(secret)
    classified(ada, "SN26private", seed=2, group=secret)
    assert (Demonstration.of(ada).mixed, Demonstration.of(ben).mixed) == (True, False)
    assert named(browser, reverse("queue"), "SIM") == {"waits"}


def test_a_file_that_could_not_be_read_is_no_observed_spectrum(ada: User) -> None:
    classified(ada, "SIM26waits", simulated=True)
    classified(ada, "SN26bad", seed=2)
    Spectrum.objects.filter(transient__name="SN26bad").update(state=SpectrumState.QUARANTINED)
    assert not Demonstration.of(ada).mixed


def test_the_next_spectrum_after_a_verdict_is_an_observed_one(browser: Client, ada: User, ben: User) -> None:
    night(ada, ben, "SIM", simulated=True)
    night(ada, ben, "SN20")
    answer = browser.post(reverse("decide", args=["SN2026waits"]), {"verdict": "unsure"}, headers={"X-Fragment": "1"})
    assert answer.json()["next"] == reverse("queue")


def test_the_whole_name_of_a_simulated_transient_still_leads_to_it(browser: Client, ada: User, ben: User) -> None:
    night(ada, ben, "SIM", simulated=True)
    night(ada, ben, "SN20")
    assert browser.get(reverse("search"), {"q": "SIM26waits"})["Location"] == reverse("review", args=["SIM26waits"])


def test_the_review_page_takes_few_queries_and_no_more_for_a_mixed_desk(browser: Client, ada: User, ben: User) -> None:
    night(ada, ben, "SN20")
    address = reverse("review", args=["SN2026waits"])
    browser.get(address)  # claims the transient
    before = queries(browser, address)
    night(ada, ben, "SIM", simulated=True)
    assert queries(browser, address) == before <= 33


def test_the_api_returns_all_rows_and_counts_those_that_are_asked_for(ada: User, ben: User) -> None:
    night(ada, ben, "SIM", simulated=True)
    night(ada, ben, "SN20")
    api = session_client(ben)
    for address, name in (("queue/", "transient"), ("transients/", "name"), ("spectra/", "transient")):
        rows = api.get(f"{API}/{address}").json()["results"]
        assert {row["simulated"] for row in rows} == {True, False}, address
        rows = api.get(f"{API}/{address}", {"simulated": "true"}).json()["results"]
        assert {(row[name][:3], row["simulated"]) for row in rows} == {("SIM", True)}, address
    for address, count in (
        ("queue/counts/", lambda answer: answer["pending"]),
        ("night/", lambda answer: answer["arrived"]),
        ("agreement/", lambda answer: answer["pairs"][0]["count"]),
    ):
        all_rows, observed = (count(api.get(f"{API}/{address}", sent).json()) for sent in ({}, {"simulated": "false"}))
        assert all_rows == 2 * observed > 0, address
        assert api.get(f"{API}/{address}", {"simulated": "perhaps"}).status_code == 400


def test_the_queue_and_the_upload_say_that_the_demonstration_is_left_out(browser: Client, ada: User, ben: User) -> None:
    night(ada, ben, "D", simulated=True)
    said = "simulated spectra of the demo night are left out, because there are observed ones now"
    assert said not in browser.get(reverse("queue")).content.decode()
    sent = browser.post(reverse("upload"), {"spectra": SimpleUploadedFile("a.txt", spectrum_file(seed=9))})
    for address in (reverse("queue"), sent["Location"]):
        assert said in browser.get(address).content.decode()
    browser.post(reverse("show-demo"), {"shown": "1"})
    assert said not in browser.get(reverse("queue")).content.decode()


def test_an_empty_page_says_how_many_simulated_rows_it_leaves_out(browser: Client, ada: User, ben: User) -> None:
    night(ada, ben, "SIM", simulated=True)
    submit_spectrum(ada, spectrum_file(seed=9), "a.txt", Given(transient="SN2026new"))
    pages = {
        reverse("vetted"): "1 simulated classification is",
        f"{reverse('vetted')}?class=SN+Ia": "1 simulated classification is",
        reverse("quarantine"): "1 simulated file is",
        reverse("queue"): "1 simulated transient is",
        f"{reverse('bulk')}?threshold=50": "1 simulated transient is",
        f"{reverse('search')}?q=SIM26": "3 simulated transients are",
        reverse("inbox"): "1 simulated item is",
        reverse("night"): "1 simulated classification is",
        reverse("agreement"): "1 simulated pair is",
    }
    for address, said in pages.items():
        assert f"{said} left out." in browser.get(address).content.decode(), address
    for address in (f"{reverse('vetted')}?class=TDE", f"{reverse('quarantine')}?show=unnamed"):
        assert "<p>0 simulated" not in browser.get(address).content.decode()
    browser.post(reverse("show-demo"), {"shown": "1"})
    for address, said in pages.items():
        assert f"{said} left out." not in browser.get(address).content.decode(), address
