"""Facts that are corrected later: by whom, with what effect, and undone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from tests.api_client import API, client_of, upload
from tests.factories import classified, spectrum_file
from tests.spectrum_files import zipped
from triage.accounts.audiences import own_group
from triage.inference import backlog, worker
from triage.intake.facts import MOST_OTHER_NAMES
from triage.intake.submit import Given, submit_spectrum
from triage.models import Original, Spectrum, SpectrumState, Transient

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(reviewer: User) -> APIClient:
    return client_of(reviewer)


@pytest.fixture
def spectrum(api: APIClient) -> Spectrum:
    upload(api, transient="SN2026abc", redshift="0.3", instrument="SEDM")
    worker.process_backlog()
    return Spectrum.objects.get()


def correct(api: APIClient, spectrum: Spectrum, **facts: Any) -> Any:
    return api.patch(f"{API}/spectra/{spectrum.pk}/", facts, format="json")


def correct_transient(api: APIClient, **facts: Any) -> Any:
    return api.patch(f"{API}/transients/{Transient.objects.get()}/", facts, format="json")


def test_every_fact_of_a_spectrum_can_be_corrected_and_is_recorded_with_who_did_it(
    api: APIClient, spectrum: Spectrum
) -> None:
    facts = {"observed_at": "2026-03-04T05:06:07Z", "instrument": "LRIS", "observer": "Rubin", "comment": "thin cirrus"}
    answer = correct(api, spectrum, **facts).json()
    assert {key: answer[key] for key in facts} == facts | {"observed_at": "2026-03-04T05:06:07.000000Z"}
    (act,) = api.get(f"{API}/spectra/{spectrum.pk}/acts/").json()
    assert (act["kind"], act["user"]) == ("facts", "reviewer")
    assert act["detail"]["instrument"] == ["SEDM", "LRIS"]
    assert act["detail"]["observed_at"] == [None, "2026-03-04T05:06:07Z"]


def test_a_corrected_redshift_reaches_the_transient_it_came_with_and_the_network(
    api: APIClient, spectrum: Spectrum
) -> None:
    assert Transient.objects.get().redshift == 0.3
    assert correct(api, spectrum, redshift=0.03).status_code == 200
    transient = Transient.objects.get()
    assert (transient.redshift, transient.redshift_origin) == (0.03, "upload")
    assert Spectrum.objects.get().state == SpectrumState.QUEUED
    worker.process_backlog()
    assert api.get(f"{API}/spectra/{spectrum.pk}/").json()["prediction"]["redshift_used"] == 0.03


def test_a_redshift_that_comes_with_a_later_spectrum_is_used_for_the_earlier_ones(reviewer: User) -> None:
    earlier = classified(reviewer, "X").spectra.get()
    assert earlier.current_prediction is not None
    assert earlier.current_prediction.redshift_used is None
    submit_spectrum(reviewer, spectrum_file(seed=2), "later.txt", Given(transient="X", redshift=0.03))
    worker.process_backlog()
    earlier.refresh_from_db()
    assert earlier.current_prediction is not None
    assert earlier.current_prediction.redshift_used == 0.03


def test_a_redshift_of_another_origin_stays_with_the_transient(api: APIClient, spectrum: Spectrum) -> None:
    correct_transient(api, redshift=0.05, redshift_origin="host", redshift_error=0.001, host="NGC 1309")
    correct(api, spectrum, redshift=0.03)
    transient = Transient.objects.get()
    assert (transient.redshift, transient.redshift_origin, transient.host) == (0.05, "host", "NGC 1309")


def test_a_correction_is_undone_and_the_undoing_is_recorded(api: APIClient, spectrum: Spectrum) -> None:
    correct(api, spectrum, instrument="LRIS", redshift=None)
    (act,) = api.get(f"{API}/spectra/{spectrum.pk}/acts/").json()
    acts = api.post(f"{API}/spectra/{spectrum.pk}/acts/{act['id']}/undo/").json()
    assert len(acts) == 2
    stored = Spectrum.objects.get()
    assert (stored.instrument, stored.stated_redshift) == ("SEDM", 0.3)


def test_what_was_changed_again_since_is_not_undone(api: APIClient, spectrum: Spectrum) -> None:
    correct(api, spectrum, instrument="LRIS")
    correct(api, spectrum, instrument="DEIMOS")
    first = api.get(f"{API}/spectra/{spectrum.pk}/acts/").json()[-1]
    answer = api.post(f"{API}/spectra/{spectrum.pk}/acts/{first['id']}/undo/")
    assert (answer.status_code, Spectrum.objects.get().instrument) == (409, "DEIMOS")


def test_a_move_and_another_reading_are_undone_too(api: APIClient, spectrum: Spectrum) -> None:
    api.post(f"{API}/spectra/{spectrum.pk}/move/", {"transient": "SN2026xyz"}, format="json")
    api.post(f"{API}/spectra/{spectrum.pk}/reread/", {"medium": "vacuum"}, format="json")
    for act in api.get(f"{API}/spectra/{spectrum.pk}/acts/").json():
        assert api.post(f"{API}/spectra/{spectrum.pk}/acts/{act['id']}/undo/").status_code == 200
    stored = Spectrum.objects.select_related("transient").get()
    assert (str(stored.transient), stored.corrections) == ("SN2026abc", {})


def test_undoing_the_first_reading_returns_to_the_corrections_that_came_with_the_file(api: APIClient) -> None:
    upload(api, frame="rest")
    spectrum = Spectrum.objects.get()
    api.post(f"{API}/spectra/{spectrum.pk}/reread/", {"medium": "vacuum"}, format="json")
    (act,) = api.get(f"{API}/spectra/{spectrum.pk}/acts/").json()
    assert act["detail"] == {"frame": ["rest", None], "medium": [None, "vacuum"]}
    assert api.post(f"{API}/spectra/{spectrum.pk}/acts/{act['id']}/undo/").status_code == 200
    assert Spectrum.objects.get().corrections == {"frame": "rest"}


def test_a_renamed_transient_answers_to_its_old_name_and_its_spectra_move_back(
    api: APIClient, spectrum: Spectrum
) -> None:
    api.post(f"{API}/spectra/{spectrum.pk}/move/", {"transient": "SN2026xyz"}, format="json")
    answer = api.patch(f"{API}/transients/SN2026xyz/", {"name": "AT2026new"}, format="json").json()
    assert (answer["name"], answer["aliases"]) == ("AT2026new", ["SN2026xyz"])
    assert api.get(f"{API}/transients/SN2026xyz/").json()["name"] == "AT2026new"
    (act,) = api.get(f"{API}/spectra/{spectrum.pk}/acts/").json()
    assert api.post(f"{API}/spectra/{spectrum.pk}/acts/{act['id']}/undo/").status_code == 200
    assert Spectrum.objects.get().transient == Transient.objects.get(name="SN2026abc")


def test_a_transient_has_a_limited_number_of_other_names(api: APIClient, spectrum: Spectrum) -> None:
    names = [f"name {number}" for number in range(MOST_OTHER_NAMES + 1)]
    refused = api.patch(f"{API}/transients/SN2026abc/", {"other_names": names}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_upload")
    assert api.patch(f"{API}/transients/SN2026abc/", {"other_names": names[1:]}, format="json").status_code == 200
    assert len(api.get(f"{API}/transients/SN2026abc/").json()["aliases"]) == MOST_OTHER_NAMES


@pytest.mark.parametrize(
    "facts", [{"redshift": -3}, {"observed_at": "soon"}, {"group": "nobody"}, {"flux": 1}, {"instrument": "x" * 121}]
)
def test_a_fact_that_cannot_be_true_changes_nothing(api: APIClient, spectrum: Spectrum, facts: dict[str, Any]) -> None:
    assert correct(api, spectrum, **facts).status_code == 400
    assert api.get(f"{API}/spectra/{spectrum.pk}/acts/").json() == []


def test_the_sender_alone_changes_who_sees_a_spectrum(make_user: Callable[..., User]) -> None:
    sender, other = make_user("sender", "A"), make_user("other", "A")
    upload(client_of(sender), transient="SN2026abc")
    spectrum = Spectrum.objects.get()
    assert correct(client_of(other), spectrum, group="A").status_code == 403
    assert correct(client_of(sender), spectrum, group="only me").status_code == 200
    assert client_of(other).get(f"{API}/spectra/{spectrum.pk}/").status_code == 404
    assert client_of(other).get(f"{API}/transients/SN2026abc/").status_code == 404
    assert correct(client_of(sender), spectrum, group="everybody").json()["group"] is None


def test_the_audience_of_a_decided_spectrum_stays(make_user: Callable[..., User]) -> None:
    api = client_of(make_user("sender", "A"))
    upload(api, transient="SN2026abc")
    worker.process_backlog()
    spectrum = Spectrum.objects.get()
    api.post(
        f"{API}/transients/SN2026abc/decisions/", {"verdict": "confirm", "prediction": spectrum.current_prediction_id}
    )
    assert correct(api, spectrum, group="A").json()["code"] == "spectrum_bound"


def test_every_fact_of_a_transient_can_be_corrected_and_undone(api: APIClient, spectrum: Spectrum) -> None:
    facts = {
        "name": "SN 2026abd",
        "other_names": ["ZTF26aaaaaaa"],
        "ra": 187.5,
        "dec": -1.0,
        "redshift": 0.031,
        "redshift_error": 0.0002,
        "redshift_origin": "host",
        "host": "NGC 1309",
    }
    answer = correct_transient(api, **facts).json()
    assert {key: answer[key] for key in facts if key != "other_names"} | {"other_names": answer["aliases"]} == facts
    assert api.get(f"{API}/transients/ztf26AAAAAAA/").json()["name"] == "SN 2026abd"
    (act,) = api.get(f"{API}/transients/SN 2026abd/acts/").json()
    api.post(f"{API}/transients/SN 2026abd/acts/{act['id']}/undo/")
    transient = Transient.objects.get()
    assert (transient.name, transient.ra, transient.redshift, transient.host) == ("SN2026abc", None, 0.3, "")
    assert not transient.other_names.exists()


@pytest.mark.parametrize(
    "facts",
    [{"name": "a/b"}, {"ra": 400.0, "dec": 0.0}, {"ra": 10.0}, {"redshift": 99}, {"redshift_error": -1}, {"x": 1}],
)
def test_a_fact_of_a_transient_that_cannot_be_true_is_refused(
    api: APIClient, spectrum: Spectrum, facts: dict[str, Any]
) -> None:
    assert correct_transient(api, **facts).status_code == 400


def test_a_transient_does_not_take_the_name_of_another(api: APIClient, spectrum: Spectrum) -> None:
    upload(api, spectrum_file(seed=2), "b.txt", transient="AT2026xyz")
    answer = api.patch(f"{API}/transients/SN2026abc/", {"name": "SN 2026xyz"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_action")


def test_facts_are_corrected_and_undone_on_the_pages(spectrum: Spectrum, client: Client, reviewer: User) -> None:
    client.force_login(reviewer)
    sent = {
        "instrument": "LRIS",
        "redshift": "0.03",
        "group": "everybody",
        "observed_at": "",
        "observer": "",
        "comment": "",
    }
    page = client.post(reverse("spectrum-facts", args=[spectrum.pk]), sent, follow=True).content.decode()
    assert "redshift: 0.3 → 0.03" in page
    act = spectrum.acts.get()
    client.post(f"/spectra/{spectrum.pk}/acts/{act.pk}/undo/")
    assert Spectrum.objects.get().instrument == "SEDM"
    names = {"name": "SN2026abc", "other_names": "ZTF26aaaaaaa", "ra": "12:30:00", "dec": "-01:00:00"}
    rest = {"redshift": "0.3", "redshift_error": "", "redshift_origin": "upload", "host": "NGC 1309"}
    page = client.post("/transients/SN2026abc/facts/", names | rest, follow=True).content.decode()
    assert "ra: unknown → 187.5" in page
    transient = Transient.objects.get()
    assert (transient.ra, transient.dec, transient.host) == (187.5, -1.0, "NGC 1309")
    client.post(f"/transients/SN2026abc/facts/{transient.acts.get(detail__host__isnull=False).pk}/undo/")
    assert Transient.objects.get().host == ""


def test_strangers_see_and_change_nothing(make_user: Callable[..., User], client: Client) -> None:
    owner, stranger = make_user("owner", "A"), make_user("stranger")
    upload(client_of(owner), group="A", transient="SN2026abc")
    spectrum = Spectrum.objects.get()
    assert correct(client_of(stranger), spectrum, instrument="X").status_code == 404
    assert correct_transient(client_of(stranger), host="X").status_code == 404
    client.force_login(stranger)
    assert client.post(reverse("spectrum-facts", args=[spectrum.pk]), {"group": "everybody"}).status_code == 404
    assert client.get("/transients/SN2026abc/facts/").status_code == 404


def test_an_audience_whose_name_is_gone_is_not_undone_into_everybody(make_user: Callable[..., User]) -> None:
    sender = make_user("sender", "A")
    upload(client_of(sender), transient="SN2026abc", group="A")
    spectrum = Spectrum.objects.get()
    correct(client_of(sender), spectrum, group="only me")
    with pytest.raises(ProtectedError):
        sender.groups.get(name="A").delete()
    Group.objects.filter(name="A").update(name="B")
    act = spectrum.acts.get()
    answer = client_of(sender).post(f"{API}/spectra/{spectrum.pk}/acts/{act.pk}/undo/")
    assert answer.status_code == 409
    assert Spectrum.objects.get().group is not None


def test_the_audience_of_one_spectrum_of_a_file_of_several_stays(make_user: Callable[..., User]) -> None:
    api = client_of(make_user("sender", "A"))
    names = ("sn2026aa.txt", "sn2026bb.txt")
    upload(api, zipped({name: spectrum_file(seed=i) for i, name in enumerate(names)}), "night.zip", group="A")
    assert correct(api, Spectrum.objects.order_by("part")[0], group="everybody").json()["code"] == "spectrum_bound"


def test_a_hidden_spectrum_is_no_longer_named_as_the_first_of_a_duplicate(make_user: Callable[..., User]) -> None:
    api = client_of(make_user("sender", "A"))
    content = spectrum_file(seed=1)
    upload(api, content, "a.txt", transient="SN2026abc")
    upload(api, b"# copy\n" + content, "b.txt", transient="SN2026abc")
    first, second = Spectrum.objects.order_by("pk")
    assert second.likely_duplicate_of == first
    correct(api, first, group="only me")
    assert Spectrum.objects.get(pk=second.pk).likely_duplicate_of is None


def test_a_redshift_that_is_corrected_during_the_classification_is_classified_with(api: APIClient) -> None:
    upload(api, transient="SN2026abc", redshift="0.3")
    (claimed,) = backlog.claim_batch(1)
    correct(api, claimed, redshift=0.03)
    assert Spectrum.objects.get().lease_token == ""
    worker.process_backlog()
    assert api.get(f"{API}/spectra/{claimed.pk}/").json()["prediction"]["redshift_used"] == 0.03


def test_a_form_leaves_alone_what_somebody_else_corrected_meanwhile(
    api: APIClient, spectrum: Spectrum, client: Client, reviewer: User
) -> None:
    client.force_login(reviewer)
    shown = {
        "instrument": "LRIS",
        "redshift": "0.3",
        "group": "everybody",
        "observed_at": "",
        "observer": "",
        "comment": "",
    }
    shown |= {"initial-instrument": "SEDM", "initial-redshift": "0.3", "initial-group": "everybody"}
    correct(api, spectrum, redshift=0.05)
    client.post(reverse("spectrum-facts", args=[spectrum.pk]), shown)
    stored = Spectrum.objects.get()
    assert (stored.instrument, stored.stated_redshift) == ("LRIS", 0.05)


def test_a_redshift_that_a_person_corrected_is_the_person_s(api: APIClient, spectrum: Spectrum) -> None:
    Transient.objects.update(redshift_origin="skyportal")
    correct_transient(api, redshift=0.05)
    assert Transient.objects.get().redshift_origin == "reviewer"


def test_the_first_only_me_goes_together_with_another_redshift(
    spectrum: Spectrum, client: Client, reviewer: User
) -> None:
    client.force_login(reviewer)
    sent = {"instrument": "SEDM", "redshift": "0.03", "group": "only me"}
    shown = {"initial-instrument": "SEDM", "initial-redshift": "0.3", "initial-group": "everybody"}
    page = client.post(reverse("spectrum-facts", args=[spectrum.pk]), sent | shown, follow=True).content.decode()
    assert "Not corrected" not in page
    stored = Spectrum.objects.get()
    assert (stored.stated_redshift, stored.group) == (0.03, own_group(reviewer))


def test_whoever_states_the_guessed_date_confirms_it(api: APIClient) -> None:
    upload(api, name="t_20260304.txt")
    spectrum = Spectrum.objects.get()
    assert spectrum.date_guess is not None
    assert correct(api, spectrum, observed_at="2026-03-04T00:00:00Z").status_code == 200
    assert Spectrum.objects.get().date_guess is None
    assert Spectrum.objects.get().observed_at == spectrum.observed_at


def test_a_file_that_is_sent_again_with_the_guessed_date_confirms_it(api: APIClient) -> None:
    upload(api, name="t_20260304.txt")
    answer = upload(api, name="t_20260304.txt", observed_at="2026-03-04T00:00:00Z").json()
    assert "the date was a guess and is confirmed" in answer["notes"]
    assert Spectrum.objects.get().date_guess is None


def test_a_date_that_came_with_an_unreadable_file_is_no_guess(api: APIClient) -> None:
    flat = b"".join(b"%d 1\n" % wavelength for wavelength in range(4000, 9000, 10))
    assert upload(api, flat, "t_20260304.txt", observed_at="2026-03-04T00:00:00Z").status_code == 400
    assert Spectrum.objects.get().date_guess is None


def test_a_guessed_date_gives_way_to_one_that_a_later_reading_finds(api: APIClient) -> None:
    upload(api, name="t_20260304.txt")
    Original.objects.update(content=spectrum_file(**{"DATE-OBS": "2026-03-05T06:00:00"}))
    spectrum = Spectrum.objects.get()
    api.post(f"{API}/spectra/{spectrum.pk}/reread/", {"medium": "vacuum"}, format="json")
    assert Spectrum.objects.get().observed_at == datetime(2026, 3, 5, 6, tzinfo=UTC)


def test_a_stated_date_stays_whatever_a_later_reading_finds(api: APIClient) -> None:
    upload(api, name="t_20260304.txt", observed_at="2026-03-03T00:00:00Z")
    Original.objects.update(content=spectrum_file(**{"DATE-OBS": "2026-03-05T06:00:00"}))
    spectrum = Spectrum.objects.get()
    api.post(f"{API}/spectra/{spectrum.pk}/reread/", {"medium": "vacuum"}, format="json")
    assert Spectrum.objects.get().observed_at == datetime(2026, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize("breaks", ["\n", "\r", "\x0b", "\x1b", "\x85", "\u2028"])
def test_a_fact_of_one_line_holds_no_line_break_or_control_character(
    api: APIClient, spectrum: Spectrum, breaks: str
) -> None:
    text = f"x{breaks}3000 99"
    told = {name: correct(api, spectrum, **{name: text}) for name in ("instrument", "observer")}
    path = f"{API}/transients/SN2026abc/"
    told |= {name: api.patch(path, {name: text}, format="json") for name in ("host", "redshift_origin")}
    told["form"] = upload(api, spectrum_file(seed=7), instrument=text)
    row = SimpleUploadedFile("m.csv", f'file,instrument\nb.txt,"{text}"\n'.encode())
    told["manifest"] = upload(api, spectrum_file(seed=8), "b.txt", manifest=row)
    assert {name: answer.status_code for name, answer in told.items()} == dict.fromkeys(told, 400)
    assert all(answer.json()["code"] for answer in told.values())
    spectrum.refresh_from_db()
    assert (spectrum.instrument, spectrum.observer, Spectrum.objects.count()) == ("SEDM", "", 1)


def test_the_page_refuses_an_instrument_of_two_lines(spectrum: Spectrum, client: Client, reviewer: User) -> None:
    client.force_login(reviewer)
    sent = {
        "instrument": "x\n3000 99",
        "initial-instrument": "SEDM",
        "group": "everybody",
        "initial-group": "everybody",
    }
    page = client.post(reverse("spectrum-facts", args=[spectrum.pk]), sent, follow=True)
    assert "instrument: one line without line breaks" in page.content.decode()
    spectrum.refresh_from_db()
    assert spectrum.instrument == "SEDM"
