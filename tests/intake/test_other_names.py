"""A transient with several names is found by each name that the user may know."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from tests.factories import classified, spectrum_file
from triage.intake.submit import Given, submit_spectrum
from triage.models import OtherName, Transient, transient_search

pytestmark = pytest.mark.django_db


def call(transient: Transient, *names: str, group: Group | None = None) -> None:
    for name in names:
        OtherName.objects.create(transient=transient, name=name, group=group)


def found_by(user: User, part: str) -> set[str]:
    return {t.name for t in Transient.objects.visible_to(user).with_part_of_name(user, part)}


def test_a_spectrum_sent_by_another_name_joins_the_transient(reviewer: User) -> None:
    transient = classified(reviewer, "ZTF26aaa")
    call(transient, "SN2026abc")
    for seed, name in enumerate(("SN2026abc", "AT 2026abc", "2026abc"), start=2):
        submit_spectrum(reviewer, spectrum_file(seed=seed), f"{seed}.txt", Given(transient=name))
    assert [(t.name, t.spectra.count()) for t in Transient.objects.all()] == [("ZTF26aaa", 4)]


def test_a_transients_own_name_takes_precedence_over_anothers_other_name(reviewer: User) -> None:
    call(classified(reviewer, "ZTF26aaa"), "SN2026abc")
    own = Transient.objects.create(name="SN2026abc")
    submission = submit_spectrum(reviewer, spectrum_file(seed=2), "b.txt", Given(transient="SN2026abc"))
    assert submission.spectrum.transient == own


def test_the_page_and_record_of_a_transient_are_found_by_any_name(reviewer: User, client: Client) -> None:
    call(classified(reviewer, "ZTF26aaa"), "SN2026abc", "ATLAS26xyz")
    client.force_login(reviewer)
    page = client.get("/transients/SN2026abc/").content.decode()
    assert "also SN2026abc, ATLAS26xyz" in page
    record = client.get("/api/v1/transients/ATLAS26xyz/").json()
    assert (record["name"], record["aliases"]) == ("ZTF26aaa", ["SN2026abc", "ATLAS26xyz"])
    assert client.get("/transients/ATLAS26/").status_code == 404


@pytest.mark.parametrize("most_listed", [0, 1, 2])
def test_the_search_finds_the_same_however_common_a_part_of_a_name_is(
    reviewer: User, monkeypatch: pytest.MonkeyPatch, most_listed: int
) -> None:
    monkeypatch.setattr(transient_search, "MOST_LISTED", most_listed)
    call(classified(reviewer, "ZTF26aaa"), "AT2026xyz", "ATLAS26xyz")
    classified(reviewer, "AT2026abc", seed=2)
    classified(reviewer, "AT2026xzz", seed=3)
    assert found_by(reviewer, "2026") == {"ZTF26aaa", "AT2026abc", "AT2026xzz"}
    assert found_by(reviewer, "26xyz") == {"ZTF26aaa"}
    assert found_by(reviewer, "26ab") == {"AT2026abc"}


def test_the_search_covers_all_names_and_ignores_the_prefix_of_a_designation(reviewer: User, client: Client) -> None:
    call(classified(reviewer, "ZTF26aaa"), "ATLAS26xyz")
    classified(reviewer, "AT2026abc", seed=2)
    assert found_by(reviewer, "las26x") == {"ZTF26aaa"}
    assert found_by(reviewer, "SN 2026abc") == {"AT2026abc"}
    assert found_by(reviewer, "26") == {"ZTF26aaa", "AT2026abc"}
    client.force_login(reviewer)
    page = client.get("/?q=ATLAS").content.decode()
    assert "ZTF26aaa" in page
    assert "ATLAS26xyz" in page
    assert "AT2026abc" not in page
    listed = client.get("/api/v1/transients/?q=ATLAS").json()["results"]
    assert [row["name"] for row in listed] == ["ZTF26aaa"]


def test_a_name_known_to_a_group_is_hidden_from_others(make_user: Callable[..., User], client: Client) -> None:
    member, outsider = make_user("member", "a"), make_user("outsider")
    transient = classified(outsider, "ZTF26aaa")
    call(transient, "SECRET26x", group=Group.objects.get(name="a"))
    assert found_by(member, "secret") == {"ZTF26aaa"}
    assert found_by(outsider, "secret") == set()
    client.force_login(outsider)
    assert client.get("/transients/SECRET26x/").status_code == 404
    assert "SECRET" not in client.get("/transients/ZTF26aaa/").content.decode()
    assert client.get("/api/v1/transients/ZTF26aaa/").json()["aliases"] == []
    submission = submit_spectrum(outsider, spectrum_file(seed=2), "b.txt", Given(transient="SECRET26x"))
    assert submission.spectrum.transient != transient


def test_a_name_known_to_a_group_and_to_everybody_is_shown_once(make_user: Callable[..., User], client: Client) -> None:
    member = make_user("member", "a")
    transient = classified(member, "ZTF26aaa")
    call(transient, "SN2026abc", group=Group.objects.get(name="a"))
    call(transient, "SN2026abc")
    client.force_login(member)
    assert client.get("/api/v1/transients/ZTF26aaa/").json()["aliases"] == ["SN2026abc"]
