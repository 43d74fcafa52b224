"""Which transient a spectrum belongs to: what names it, what only guesses, and how a missing name is given."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from tests.api_client import API, upload
from tests.factories import spectrum_file
from triage.inference import worker
from triage.intake import naming
from triage.intake.move import move
from triage.intake.naming import known_transient
from triage.intake.submit import Given, submit_spectrum
from triage.intake.suggestions import suggested_names
from triage.models import Spectrum, SpectrumState, Transient

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(reviewer: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(reviewer)
    return client


def sent(user: User, filename: str, given: Given | None = None, seed: int = 1, **header: str) -> Spectrum:
    return submit_spectrum(user, spectrum_file(seed=seed, **header), filename, given).spectrum


@pytest.mark.parametrize(
    "filename",
    [
        "spec.txt",
        "spectrum_1.dat",
        "final.txt",
        "obj1.txt",
        "20121001.txt",
        "20130210whtisisblue.txt",
        "2024spec.txt",
        "PSNinNGC1309_howsp_20160115_4500-9000.txt",
        "gr5_300_20240301_targetA.txt",
        "NGC1309.txt",
    ],
)
def test_a_file_s_name_without_a_designation_names_nothing(reviewer: User, filename: str) -> None:
    spectrum = sent(reviewer, filename)
    assert (spectrum.transient, spectrum.receipt["named_by"]) == (None, None)
    assert not Transient.objects.exists()


def test_two_objects_sent_as_the_same_file_name_stay_two(reviewer: User) -> None:
    first, second = sent(reviewer, "spec.txt", seed=1), sent(reviewer, "spec.txt", seed=2)
    move(reviewer, first, "SN2026aa")
    second.refresh_from_db()
    assert second.transient is None
    move(reviewer, second, "SN2026bb")
    assert Transient.objects.count() == 2


@pytest.mark.parametrize(
    ("filename", "header", "stated", "name", "by"),
    [
        ("spec.txt", {}, "SN 2026xyz", "SN 2026xyz", "person"),
        ("sn2009ip.txt", {}, "SN 2026xyz", "SN 2026xyz", "person"),
        ("spec.txt", {"OBJECT": "PTF11kly"}, "", "PTF11kly", "header"),
        ("sn2009ip.txt", {"OBJECT": "NGC 1309 SN"}, "", "NGC 1309 SN", "header"),
        ("sn2009ip_20121001.txt", {}, "", "SN2009ip", "file_name"),
        ("sn2009ip_20121001.txt", {"OBJECT": "target 3"}, "", "SN2009ip", "file_name"),
    ],
)
def test_the_sender_comes_before_the_header_and_the_header_before_the_file_name(
    reviewer: User, filename: str, header: dict[str, str], stated: str, name: str, by: str
) -> None:
    spectrum = sent(reviewer, filename, Given(transient=stated), **header)
    assert spectrum.transient is not None
    assert (spectrum.transient.name, spectrum.receipt["named_by"]) == (name, by)


def test_an_unnamed_spectrum_is_classified_and_can_be_decided_once_it_is_named(
    reviewer: User, api: APIClient, client: Client
) -> None:
    spectrum = sent(reviewer, "spec.txt", Given(redshift=0.03))
    worker.process_backlog()
    answer = api.get(f"{API}/spectra/{spectrum.pk}/").json()
    assert (answer["transient"], answer["state"]) == (None, "classified")
    assert answer["prediction"]["redshift_used"] == 0.03
    assert [row["id"] for row in api.get(f"{API}/spectra/?unnamed=true").json()["results"]] == [spectrum.pk]
    moved = api.post(f"{API}/spectra/{spectrum.pk}/move/", {"transient": "SN2026abc"}, format="json").json()
    assert (moved["transient"], moved["naming"]["named_by"]) == ("SN2026abc", "person")
    assert api.get(f"{API}/spectra/?unnamed=true").json()["results"] == []
    # What was known of it already goes with it.
    assert Transient.objects.get().redshift == 0.03
    assert Spectrum.objects.get().state == SpectrumState.CLASSIFIED
    decided = api.post(
        f"{API}/transients/SN2026abc/decisions/", {"verdict": "confirm", "prediction": answer["prediction"]["id"]}
    )
    assert decided.status_code == 201


def test_a_guessed_name_is_said_to_be_one_and_is_taken_back_with_one_request(reviewer: User, api: APIClient) -> None:
    for seed in (1, 2):
        sent(reviewer, f"{seed}.txt", Given(transient="SN 2009ip"), seed=seed)
    answer = upload(api, spectrum_file(seed=3), "sn2009ip_blue.txt").json()
    assert answer["transient"] == "SN 2009ip"
    assert answer["naming"] == {"named_by": "file_name", "epochs": 3, "suggestions": []}
    undone = api.post(f"{API}/spectra/{answer['id']}/move/", {"transient": None}, format="json").json()
    assert undone["transient"] is None
    assert undone["naming"]["epochs"] == 0
    assert {"name": "SN 2009ip", "why": "a name much like it"} in undone["naming"]["suggestions"]
    assert Transient.objects.get().spectra.count() == 2


def test_a_correction_of_the_reading_does_not_bring_a_refused_guess_back(reviewer: User, api: APIClient) -> None:
    spectrum = move(reviewer, sent(reviewer, "sn2009ip.txt"), "SN2026abc")
    api.post(f"{API}/spectra/{spectrum.pk}/reread/", {"medium": "air"}, format="json")
    spectrum = Spectrum.objects.get()
    assert (str(spectrum.transient), spectrum.receipt["named_by"]) == ("SN2026abc", "person")


def test_names_are_suggested_from_the_place_the_header_and_names_alike(reviewer: User) -> None:
    given = Given(transient="SN2026near")
    near = sent(reviewer, "x.txt", given, seed=2).transient
    assert near is not None
    near.ra, near.dec = 187.5, -1.0
    near.save()
    sent(reviewer, "y.txt", Given(transient="PSN in NGC1309"), seed=3)
    spectrum = sent(reviewer, "psninngc1309_b.txt", seed=4, RA="187.5003", DEC="-1.0002")
    found = {one.name: one.why for one in suggested_names(reviewer, spectrum)}
    assert found == {"SN2026near": "1.3 arcsec away", "PSN in NGC1309": "a name much like it"}


def test_nobody_is_shown_the_names_of_other_groups(make_user: Callable[..., User]) -> None:
    owner, stranger = make_user("owner", "A"), make_user("stranger")
    sent(owner, "x.txt", Given(transient="SN2026secret", group=owner.groups.get()))
    spectrum = sent(stranger, "sn2026secret_.txt", seed=2)
    assert "SN2026secret" not in [one.name for one in suggested_names(stranger, spectrum)]


def test_the_receipt_asks_for_a_missing_name_and_for_a_no_to_a_guess(reviewer: User, client: Client) -> None:
    client.force_login(reviewer)
    unnamed, guessed = sent(reviewer, "spec.txt"), sent(reviewer, "sn2009ip.txt", seed=2)
    assert "Which transient is this?" in client.get(f"/spectra/{unnamed.pk}/").content.decode()
    page = client.get(f"/spectra/{guessed.pk}/").content.decode()
    assert "name alone says that this is SN2009ip" in page
    client.post(f"/spectra/{guessed.pk}/move/", {"transient": ""})
    guessed.refresh_from_db()
    assert guessed.transient is None
    assert "from SN2009ip to no name" in client.get(f"/spectra/{guessed.pk}/").content.decode()


def test_an_unnamed_spectrum_can_be_discarded_and_restored(reviewer: User, api: APIClient, client: Client) -> None:
    client.force_login(reviewer)
    spectrum = sent(reviewer, "spec.txt")
    assert api.post(f"{API}/spectra/{spectrum.pk}/discard/").status_code == 200
    assert "spec.txt" not in client.get("/quarantine/?show=unnamed").content.decode()
    assert "spec.txt" in client.get("/quarantine/?show=discarded").content.decode()
    assert api.post(f"{API}/spectra/{spectrum.pk}/restore/").status_code == 200
    assert "spec.txt" in client.get("/quarantine/?show=unnamed").content.decode()


def test_the_name_of_a_duplicate_is_suggested_first(reviewer: User) -> None:
    content = spectrum_file(seed=1)
    submit_spectrum(reviewer, content, "a.txt", Given(transient="SN2026abc"))
    copy = submit_spectrum(reviewer, b"# copy\n" + content, "spec.txt").spectrum
    assert suggested_names(reviewer, copy)[0].name == "SN2026abc"


def test_a_name_that_another_group_takes_meanwhile_gets_a_number(
    make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, other = make_user("sender", "A"), make_user("other", "B")
    spectrum = sent(sender, "spec.txt", Given(group=sender.groups.get()))
    look_up = naming._found_or_drafted
    before = look_up({"SN2026abc": False}, sender.groups.get(), sender)
    sent(other, "b.txt", Given(transient="SN2026abc", group=other.groups.get()), seed=2)
    answers = iter([before])
    monkeypatch.setattr(naming, "_found_or_drafted", lambda *asked: next(answers, None) or look_up(*asked))
    assert str(move(sender, spectrum, "SN2026abc").transient) == "SN2026abc (2)"
    assert known_transient("SN2026abc", sender.groups.get()) == Spectrum.objects.get(pk=spectrum.pk).transient


@pytest.mark.parametrize("name", ["\u200b", " \u2060\ufeff ", "\u3164", "\u2800\u2800"])
def test_a_name_that_shows_nothing_is_refused(api: APIClient, name: str) -> None:
    answer = upload(api, transient=name)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_upload")
    spectrum = upload(api, transient="SN2026abc").json()["id"]
    for path, facts in ((f"spectra/{spectrum}/move/", {"transient": name}), ("transients/SN2026abc/", {"name": name})):
        send = api.post if path.endswith("move/") else api.patch
        assert send(f"{API}/{path}", facts, format="json").status_code == 400
    assert list(Transient.objects.values_list("name", flat=True)) == ["SN2026abc"]


@pytest.mark.parametrize("name", ["SN2026abc\u200b", "★", "超新星", "-"])
def test_a_name_may_hold_anything_that_shows(api: APIClient, name: str) -> None:
    assert upload(api, transient=name).json()["transient"] == name
