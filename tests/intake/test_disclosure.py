"""A public spectrum under the name of a private transient tells nobody what the group knew or did before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.api_client import API, client_of
from tests.factories import classified, classify_all, send
from triage.errors import BoundSpectrumError
from triage.intake import photometry
from triage.intake.facts import correct_spectrum, correct_transient, undo_transient_act
from triage.intake.move import move
from triage.models import Spectrum, Transient
from triage.review import claims

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
CURVE = b"mjd,filter,mag,error\n61000,r,18.1,0.1\n"


@pytest.fixture
def stranger(make_user: Callable[..., User]) -> User:
    return make_user("stranger")


@pytest.fixture
def member(make_user: Callable[..., User]) -> User:
    return make_user("member", "theirs")


@pytest.fixture
def private(member: User) -> Transient:
    """A transient that one group has known for long: with facts, other names, a light curve, and a claim."""
    transient = classified(member, "SN2026abc", group=Group.objects.get(name="theirs"))
    facts = {"redshift": 0.1, "host": "NGC 1", "ra": 1.0, "dec": 2.0, "other_names": ["ZTF26aaa"]}
    correct_transient(member, transient, facts)
    photometry.add(member, transient, CURVE, "a.csv", None)
    claims.claim(member, transient)
    Transient.objects.update(created_at=LONG_AGO)
    return transient


def upload(user: User) -> None:
    send(user, "SN2026abc", seed=2)


def name_later(user: User) -> None:
    send(user, "elsewhere", seed=2)
    move(user, Spectrum.objects.get(transient__name="elsewhere"), "SN2026abc")


@pytest.mark.parametrize("publish", [upload, name_later])
def test_the_record_looks_as_if_it_had_just_been_made(
    private: Transient, stranger: User, publish: Callable[[User], None]
) -> None:
    send(stranger, "SN2026xyz", seed=3)
    before = timezone.now()
    publish(stranger)
    classify_all()
    api = client_of(stranger)
    record = api.get(f"{API}/transients/SN2026abc/").json()
    assert datetime.fromisoformat(record["created_at"]) >= before
    assert (record["state"], len(record["spectra"]), record["aliases"]) == ("pending", 1, [])
    assert [record[fact] for fact in ("ra", "dec", "redshift", "host")] == [None, None, None, ""]
    assert api.get(f"{API}/transients/SN2026abc/acts/").json() == []
    assert api.get(f"{API}/transients/SN2026abc/photometry/").json()["results"] == []
    assert api.post(f"{API}/transients/SN2026abc/claim/").status_code == 200
    # The place in a list must not tell that it is older.
    assert api.get(f"{API}/transients/").json()["results"][0]["name"] == "SN2026abc"


def test_the_group_keeps_what_it_knew_and_can_give_it_to_everybody(
    private: Transient, member: User, stranger: User
) -> None:
    upload(stranger)
    api = client_of(member)
    record = api.get(f"{API}/transients/SN2026abc/").json()
    assert (len(record["spectra"]), record["aliases"]) == (2, ["ZTF26aaa"])
    assert len(api.get(f"{API}/transients/SN2026abc/photometry/").json()["results"]) == 1
    taken_back = private.acts.visible_to(member)[0]
    assert taken_back.detail["redshift"] == [0.1, None]
    undo_transient_act(member, taken_back)
    record = client_of(stranger).get(f"{API}/transients/SN2026abc/").json()
    assert (record["redshift"], record["host"]) == (0.1, "NGC 1")


def test_a_second_spectrum_changes_nothing_that_is_known(private: Transient, member: User, stranger: User) -> None:
    upload(stranger)
    correct_transient(member, Transient.objects.get(), {"redshift": 0.2})
    send(stranger, "SN2026abc", seed=3)
    assert Transient.objects.get().redshift == 0.2
    assert private.acts.visible_to(stranger).count() == 1


def test_a_spectrum_that_its_sender_publishes_takes_no_facts_of_the_group_along(
    private: Transient, member: User, stranger: User
) -> None:
    correct_spectrum(member, private.spectra.get(), {"group": None})
    record = client_of(stranger).get(f"{API}/transients/SN2026abc/").json()
    assert (record["redshift"], record["host"]) == (None, "")


def test_a_spectrum_is_not_published_beside_a_transient_of_the_same_name(
    private: Transient, member: User, stranger: User
) -> None:
    send(stranger, "at2026abc", seed=2)
    assert Transient.objects.count() == 2
    with pytest.raises(BoundSpectrumError, match="at2026abc"):
        correct_spectrum(member, private.spectra.get(), {"group": None})


def test_a_transient_that_left_the_public_is_not_found_by_a_guess(member: User, stranger: User) -> None:
    send(member, "Secret Spelling-1")
    spectrum = Spectrum.objects.get()
    correct_transient(member, Transient.objects.get(), {"redshift": 0.1})
    correct_spectrum(member, spectrum, {"group": Group.objects.get(name="theirs")})
    assert str(send(stranger, "secretspelling1", seed=2).transient) == "secretspelling1"
    assert Transient.objects.get(name="Secret Spelling-1").redshift == 0.1


def test_an_other_name_that_is_the_own_name_is_left_out(private: Transient, member: User) -> None:
    changed = correct_transient(member, private, {"other_names": ["SN2026abc", "ZTF26bbb"]})
    assert [other.name for other in changed.other_names.all()] == ["ZTF26bbb"]
