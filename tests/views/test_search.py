"""The search finds transients by any name in any state, for those who may know them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from classifier.readers.coordinates import read_cone
from tests.factories import classified, spectrum_file
from triage.intake.submit import Given, submit_spectrum
from triage.models import OtherName, Transient
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal
from triage.views import search

pytestmark = pytest.mark.django_db


def found(client: Client, text: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.get("/search/", {"q": text}, headers={"X-Fragment": "1"}).json()
    return answer


def hits(client: Client, text: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = found(client, text)["hits"]
    return listed


def test_a_vetted_transient_is_found_by_a_part_of_another_name(reviewer: User, client: Client) -> None:
    transient = classified(reviewer, "SN 2026abc")
    OtherName.objects.create(transient=transient, name="ZTF26aaaaaaa")
    record_decision(reviewer, transient, Proposal("override", class_name="TDE"))
    client.force_login(reviewer)
    (hit,) = hits(client, "ztf26")
    assert (hit["name"], hit["also"], hit["state"], hit["class_name"]) == ("SN 2026abc", "ZTF26aaaaaaa", "done", "TDE")
    assert b"SN 2026abc" in client.get("/search/", {"q": "ztf26"}).content


def test_another_spelling_of_a_name_leads_to_the_transient(reviewer: User, client: Client) -> None:
    classified(reviewer, "SN 2026abc")
    client.force_login(reviewer)
    assert [hit["name"] for hit in hits(client, "at2026abc")] == ["SN 2026abc"]
    assert client.get("/search/", {"q": "2026ABC"})["Location"] == "/transients/SN%202026abc/"


def test_coordinates_find_what_lies_there(reviewer: User, client: Client) -> None:
    for number, (ra, dec) in enumerate(((208.1825, -29.98), (208.1834, -29.981), (208.19, -29.98))):
        transient = classified(reviewer, f"SN 2026ab{number}", seed=number)
        Transient.objects.filter(pk=transient.pk).update(ra=ra, dec=dec)
    client.force_login(reviewer)
    for text in ("13:52:43.8 -29:58:48", "208.1825, -29.98", "13h52m43.8s -29d58m48s", "13 52 43.8 -29 58 48"):
        listed = [(hit["name"], hit["also"]) for hit in hits(client, text)]
        assert listed == [("SN 2026ab0", "0.0″ away"), ("SN 2026ab1", "4.6″ away")]
    assert hits(client, "10.0 20.0") == []


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("208.1825 -29.98 3", ["SN 2026ab0"], "Transients within 3″ of RA 208.18250°, Dec -29.98000° (ICRS)."),
        ("208.1825 -29.98 30", ["SN 2026ab0", "SN 2026ab1", "SN 2026ab2"], "Transients within 30″ of"),
        ("13:52:43.8 -29:58:48 0.5 arcmin", ["SN 2026ab0", "SN 2026ab1", "SN 2026ab2"], "Transients within 30″ of"),
        ("ra=13 52 43.8, dec=-29 58 48 6″", ["SN 2026ab0", "SN 2026ab1"], "Transients within 6″ of"),
        ("10.0 20.0 30", [], "No transient that you may see lies within 30″ of RA 10.00000°, Dec +20.00000° (ICRS)."),
        ("208.1825 -29.98 1 deg", [], "The radius is 3600″: a search goes up to 600″ (10′)."),
        ("208.1825 -29.98 -5", [], "The radius has to be greater than 0."),
        ("J135243-295848", ["SN 2026ab0", "SN 2026ab1"], "No transient has this name. Transients within 16″ of"),
        ("AT J135243.8−295848.0", ["SN 2026ab0", "SN 2026ab1"], "No transient has this name. Transients within 10″ of"),
        ("J104450+213118", [], "No transient has this name. No transient that you may see lies within 16″ of RA 161.2"),
        ("J254450+213118", [], "No transient that you may see has this in a name or in the name of a file."),
        ("208.1825 -99.98 30", [], "No transient that you may see has this in a name or in the name of a file."),
    ],
)
def test_a_radius_behind_coordinates_is_understood_and_said(
    reviewer: User, client: Client, text: str, names: list[str], said: str
) -> None:
    for number, (ra, dec) in enumerate(((208.1825, -29.98), (208.1834, -29.981), (208.19, -29.98))):
        submit_spectrum(
            reviewer, spectrum_file(seed=number), f"{number}.txt", Given(f"SN 2026ab{number}", ra=ra, dec=dec)
        )
    client.force_login(reviewer)
    assert [hit["name"] for hit in hits(client, text)] == names
    assert found(client, text)["said"].startswith(said)
    assert said.encode() in client.get("/search/", {"q": text}).content


@pytest.mark.parametrize(
    ("text", "also"),
    [
        ("2018imv", "file 2018imv_x.dat"),
        ("SN2018imv", "file 2018imv_x.dat"),
        ("SN 2018 imv", "file 2018imv_x.dat"),
        ("at2018IMV", "file 2018imv_x.dat"),
        ("2018imv_x.dat", "file 2018imv_x.dat"),
        ("ztf18accn", ""),
    ],
)
def test_a_name_in_the_name_of_a_file_finds_the_transient_that_the_header_calls_otherwise(
    reviewer: User, client: Client, text: str, also: str
) -> None:
    submit_spectrum(reviewer, spectrum_file(OBJECT="ZTF18accnlji"), "2018imv_x.dat")
    client.force_login(reviewer)
    (hit,) = hits(client, text)
    assert hit["name"] == "ZTF18accnlji"
    assert hit["also"] == also


def test_the_nearest_transient_is_found_however_many_lie_in_the_corners() -> None:
    corner = [Transient(name=f"FAR{number}", key=f"far{number}", ra=10.15, dec=20.1) for number in range(120)]
    Transient.objects.bulk_create(corner)
    near = Transient.objects.create(name="SN 2026abc", ra=10.0, dec=20.0)
    assert Transient.objects.near(10.0, 20.0, 600) == [(near, 0.0)]


def test_a_distance_near_the_pole_is_that_on_the_sky() -> None:
    Transient.objects.create(name="SN 2026abc", ra=190.0, dec=89.99)
    ((_, distance),) = Transient.objects.near(10.0, 89.99, 100)
    assert distance == pytest.approx(72.0, abs=0.01)


def test_a_list_that_is_cut_says_so(reviewer: User, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_HITS", 1)
    for number, dec in enumerate((20.0, 20.001)):
        given = Given(f"SN 2026ab{number}", ra=10.0, dec=dec)
        submit_spectrum(reviewer, spectrum_file(seed=number), f"{number}.txt", given)
    client.force_login(reviewer)
    assert found(client, "10 20 60")["said"].startswith("The nearest 1 transients within 60″")


@pytest.mark.parametrize("radius", ["1d", "0.1 deg", "6m", "6'", "360", "360s", "360 arcsec"])
def test_a_radius_may_have_a_unit(radius: str) -> None:
    cone = read_cone(f"12h34m56s +10d20m30s {radius}")
    assert cone is not None
    assert cone[2] == pytest.approx(3600 if radius == "1d" else 360)


def test_a_radius_of_nothing_is_refused(reviewer: User, client: Client) -> None:
    client.force_login(reviewer)
    assert found(client, "10 20 0")["said"] == "The radius has to be greater than 0."


def test_a_transient_whose_name_is_made_of_coordinates_is_found_by_its_name(reviewer: User, client: Client) -> None:
    given = Given("J104450+213118", ra=10.0, dec=20.0)
    submit_spectrum(reviewer, spectrum_file(seed=1), "a.txt", given)
    Transient.objects.create(name="SN 2026abc", ra=161.2083, dec=21.5217)
    client.force_login(reviewer)
    assert [hit["name"] for hit in hits(client, "J104450+213118")] == ["J104450+213118"]


def test_many_files_of_one_transient_hide_no_other_one(
    reviewer: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_FILES", 2)
    for seed, name in enumerate(("SN 2026aa", "SN 2026bb", "SN 2026bb", "SN 2026bb")):
        submit_spectrum(reviewer, spectrum_file(seed=seed), f"lowres_{seed}.txt", Given(name))
    client.force_login(reviewer)
    found_by_file = [(hit["name"], hit["also"]) for hit in hits(client, "lowres")]
    assert found_by_file == [("SN 2026bb", "file lowres_3.txt"), ("SN 2026aa", "file lowres_0.txt")]


def test_a_private_file_of_a_public_transient_is_found_by_its_group_alone(
    reviewer: User, make_user: Callable[..., User], client: Client
) -> None:
    submit_spectrum(reviewer, spectrum_file(seed=1), "a.txt", Given("ZTF18accnlji"))
    owner = make_user("owner", "a")
    given = Given("ZTF18accnlji", group=Group.objects.get(name="a"))
    submit_spectrum(owner, spectrum_file(seed=2), "2018imv_x.dat", given)
    client.force_login(reviewer)
    assert hits(client, "2018imv") == []
    client.force_login(owner)
    assert [hit["also"] for hit in hits(client, "2018imv")] == ["file 2018imv_x.dat"]


@pytest.mark.parametrize(("ra", "place"), [(359.9999, "0.0001 10"), (0.0001, "359.9999 10")])
def test_coordinates_find_what_lies_beyond_right_ascension_zero(
    reviewer: User, client: Client, ra: float, place: str
) -> None:
    Transient.objects.filter(pk=classified(reviewer, "SN 2026abc").pk).update(ra=ra, dec=10.0)
    client.force_login(reviewer)
    assert [hit["also"] for hit in hits(client, place)] == ["0.7″ away"]


def test_strangers_find_nothing_private(make_user: Callable[..., User], client: Client) -> None:
    owner = make_user("owner", "a")
    given = Given(transient="SN 2026abc", group=Group.objects.get(name="a"))
    submit_spectrum(owner, spectrum_file(), "a.txt", given)
    client.force_login(make_user("stranger"))
    assert hits(client, "2026abc") == []
    assert b"No transient" in client.get("/search/", {"q": "2026abc"}).content
    client.force_login(owner)
    assert len(hits(client, "2026abc")) == 1


def test_the_search_asks_a_constant_number_of_queries(
    reviewer: User, client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        submit_spectrum(reviewer, spectrum_file(seed=number), f"{number}.txt", Given(transient=f"SN 2026ab{number}"))
    assert Transient.objects.count() == 8
    client.force_login(reviewer)
    with django_assert_max_num_queries(11):
        assert len(hits(client, "2026ab")) == 8
