"""A spectrum under the name of a private transient tells nobody what the group knew or did before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.api_client import API, client_of, session_client
from tests.factories import classified, classify_all, send, spectrum_file
from triage.accounts.audiences import own_group
from triage.errors import BoundSpectrumError, InvalidActionError
from triage.intake import photometry
from triage.intake.facts import correct_spectrum, correct_transient, undo_transient_act
from triage.intake.move import move
from triage.intake.submit import Given, submit_spectrum
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


@pytest.fixture
def other(make_user: Callable[..., User]) -> User:
    return make_user("other", "others")


def shared_in_private(private: Transient, other: User, make_user: Callable[..., User]) -> None:
    """Let a member of both groups send a spectrum of the transient to the other one."""
    send(make_user("both", "theirs", "others"), "SN2026abc", seed=2, group=Group.objects.get(name="others"))
    assert Transient.objects.visible_to(other).get() == private


def test_another_group_that_uses_the_name_gets_a_transient_of_its_own(
    private: Transient, member: User, other: User
) -> None:
    group = Group.objects.get(name="others")
    given = Given(transient="SN2026abc", group=group, redshift=0.3)
    first = submit_spectrum(other, spectrum_file(seed=2), "2.txt", given).spectrum
    assert str(first.transient) == "SN2026abc (2)"
    assert send(other, "SN2026abc", seed=3, group=group).transient == first.transient
    found = client_of(other).get(f"{API}/transients/SN2026abc/").json()
    assert (found["name"], found["redshift"], found["host"], len(found["spectra"])) == ("SN2026abc (2)", 0.3, "", 2)
    kept = client_of(member).get(f"{API}/transients/SN2026abc/").json()
    assert (kept["name"], kept["redshift"], kept["host"], len(kept["spectra"])) == ("SN2026abc", 0.1, "NGC 1", 1)
    assert Transient.objects.get(pk=private.pk).created_at == LONG_AGO
    assert claims.standing_claim(member, private) is not None


def test_a_spectrum_that_another_group_names_later_changes_nothing_either(private: Transient, other: User) -> None:
    send(other, "elsewhere", seed=2, group=Group.objects.get(name="others"))
    move(other, Spectrum.objects.get(transient__name="elsewhere"), "SN2026abc")
    assert Transient.objects.get(pk=private.pk).redshift == 0.1
    assert client_of(other).get(f"{API}/transients/SN2026abc/").json()["name"] == "SN2026abc (2)"


def test_facts_that_another_group_would_see_are_refused(
    private: Transient, member: User, other: User, make_user: Callable[..., User]
) -> None:
    shared_in_private(private, other, make_user)
    for user in (member, other):
        with pytest.raises(InvalidActionError, match="outside of your groups"):
            correct_transient(user, private, {"host": "NGC 2", "other_names": ["ZTF26bbb"], "redshift": 0.2})
        assert client_of(user).get(f"{API}/transients/SN2026abc/").json()["host"] == ""
    with pytest.raises(InvalidActionError, match="see this too: redshift, redshift origin; state the redshift with"):
        correct_transient(member, private, {"redshift": 0.2})
    with pytest.raises(InvalidActionError, match=r"see this too: host$"):
        correct_transient(member, private, {"host": "NGC 2"})
    undone = client_of(member).get(f"{API}/transients/SN2026abc/acts/").json()[0]["id"]
    assert client_of(member).post(f"{API}/transients/SN2026abc/acts/{undone}/undo/").status_code == 409


def test_facts_that_stay_as_they_are_are_not_refused(
    private: Transient, member: User, other: User, make_user: Callable[..., User]
) -> None:
    shared_in_private(private, other, make_user)
    assert correct_transient(member, private, {"host": "", "redshift": None}).host == ""


def test_facts_may_be_given_if_all_who_see_them_share_a_group(
    private: Transient, member: User, make_user: Callable[..., User]
) -> None:
    send(member, "SN2026abc", seed=2, group=own_group(member))
    colleague = make_user("colleague", "theirs")
    assert correct_transient(colleague, private, {"host": "NGC 2"}).host == "NGC 2"


def test_a_light_curve_for_everybody_stays_in_the_group_that_sees_the_transient(
    private: Transient, member: User, other: User, make_user: Callable[..., User]
) -> None:
    shared_in_private(private, other, make_user)
    photometry.add(member, private, CURVE + b"61001,r,18.2,0.1\n", "b.csv", None)
    assert client_of(other).get(f"{API}/transients/SN2026abc/photometry/").json()["results"] == []
    assert len(client_of(member).get(f"{API}/transients/SN2026abc/photometry/").json()["results"]) == 2


def test_the_history_of_a_spectrum_stays_with_those_who_saw_it_then(member: User, stranger: User) -> None:
    ours = Group.objects.get(name="theirs")
    for seed, name in enumerate(("SN2026secret", "SN2026secret", "SN2026open"), start=1):
        classified(member, name, seed=seed, group=ours)
    spectrum = Spectrum.objects.filter(transient__name="SN2026secret").earliest("pk")
    correct_spectrum(member, spectrum, {"comment": "hush"})
    correct_spectrum(member, move(member, spectrum, "SN2026open"), {"comment": "", "group": None})
    correct_spectrum(member, spectrum, {"instrument": "NTT"})
    acts = f"{API}/spectra/{spectrum.pk}/acts/"
    assert [act["detail"] for act in client_of(stranger).get(acts).json()] == [{"instrument": ["", "NTT"]}]
    known = client_of(member).get(acts).json()
    assert [act["kind"] for act in known] == ["facts", "facts", "moved", "facts"]
    for act in known[1:]:
        assert client_of(stranger).post(f"{acts}{act['id']}/undo/").status_code == 404
    page = session_client(stranger).get(f"/spectra/{spectrum.pk}/").content.decode()
    assert not [word for word in ("secret", "hush", "theirs") if word in page]


@pytest.mark.parametrize("first", ["theirs", "only me"])
def test_a_group_that_is_given_a_spectrum_does_not_learn_who_had_it_before(
    make_user: Callable[..., User], first: str
) -> None:
    sender, reader = make_user("sender", "theirs", "ours"), make_user("reader", "ours")
    before = own_group(sender) if first == "only me" else Group.objects.get(name=first)
    classified(sender, group=before)
    correct_spectrum(sender, Spectrum.objects.get(), {"comment": "hush"})
    correct_spectrum(sender, Spectrum.objects.get(), {"comment": "", "group": Group.objects.get(name="ours")})
    acts = f"{API}/spectra/{Spectrum.objects.get().pk}/acts/"
    assert client_of(reader).get(acts).json() == []
    assert [act["detail"]["comment"] for act in client_of(sender).get(acts).json()] == [["hush", ""], ["", "hush"]]


def test_making_a_public_spectrum_private_is_told_to_its_group_alone(member: User, stranger: User) -> None:
    classified(member)
    spectrum = correct_spectrum(member, Spectrum.objects.get(), {"group": Group.objects.get(name="theirs")})
    correct_spectrum(member, spectrum, {"group": None})
    acts = f"{API}/spectra/{spectrum.pk}/acts/"
    assert client_of(stranger).get(acts).json() == []
    assert len(client_of(member).get(acts).json()) == 2


def test_a_spectrum_that_everybody_may_see_names_no_private_duplicate(member: User, stranger: User) -> None:
    ours, content = Group.objects.get(name="theirs"), spectrum_file(seed=5)
    submit_spectrum(member, content, "first.txt", Given(group=ours))
    second = submit_spectrum(member, content + b"# again\n", "second.txt", Given(group=ours)).spectrum
    assert second.receipt["warnings"]
    correct_spectrum(member, second, {"group": None})
    assert client_of(stranger).get(f"{API}/spectra/{second.pk}/").json()["receipt"]["warnings"] == []


def test_a_spectrum_that_became_private_is_no_longer_named_by_its_duplicate(member: User, stranger: User) -> None:
    content = spectrum_file(seed=5)
    first = submit_spectrum(member, content, "first.txt").spectrum
    second = submit_spectrum(member, content + b"# again\n", "second.txt").spectrum
    assert second.likely_duplicate_of == first
    correct_spectrum(member, first, {"group": Group.objects.get(name="theirs")})
    answer = client_of(stranger).get(f"{API}/spectra/{second.pk}/").json()
    assert (answer["likely_duplicate_of"], answer["receipt"]["warnings"]) == (None, [])
