"""A spectrum that is classified without its host's light: another reading, beside the one with it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from classifier.readers import Corrections, read_spectrum
from tests.factories import classify_all, spectrum_file
from triage.export import classifications
from triage.intake.facts import correct_spectrum, correct_transient, undo_spectrum_act
from triage.intake.move import move
from triage.intake.reread import read_again
from triage.intake.submit import Given, submit_spectrum
from triage.models import NamedMatches, Spectrum, Transient
from triage.models.arrays import unpack
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db

API = "/api/v1"


@pytest.fixture
def spectrum(reviewer: User) -> Spectrum:
    """Return a classified spectrum of which 42 % are told to be host light."""
    sent = submit_spectrum(reviewer, spectrum_file(redshift=0.05), "a.txt", Given(transient="SN1", redshift=0.05))
    classify_all()
    return told(sent.spectrum, 0.42)


@pytest.fixture
def browser(client: Client, reviewer: User) -> Client:
    client.force_login(reviewer)
    return client


def told(spectrum: Spectrum, share: float) -> Spectrum:
    spectrum.refresh_from_db()
    assert spectrum.current_prediction is not None
    NamedMatches.objects.create(
        prediction=spectrum.current_prediction, library="0" * 64, host_light=share, host_light_error=0.11
    )
    return spectrum


def press(browser: Client, spectrum: Spectrum, share: str = "0.420") -> str:
    """Press the button, let the network look, and return the page that follows."""
    answer = browser.post(reverse("host", args=[spectrum.pk]), {"share": share})
    assert answer.status_code == 302
    classify_all()
    spectrum.refresh_from_db()
    return browser.get(answer["Location"]).content.decode()


def flux(spectrum: Spectrum) -> Any:
    """Return the stored flux in the band over which the share is meant, in 1e-17."""
    stored = Spectrum.objects.select_related("arrays").get(pk=spectrum.pk).arrays
    wavelength = unpack(stored.wavelength) / 1.05
    return 1e17 * unpack(stored.flux)[(wavelength > 4000) & (wavelength < 7000)]


def test_it_is_another_reading_with_a_prediction_of_its_own(browser: Client, spectrum: Spectrum) -> None:
    before, whole = spectrum.current_prediction, flux(spectrum)
    page = press(browser, spectrum)
    now = spectrum.current_prediction
    assert before is not None
    assert now is not None
    assert (before.reading, now.reading, spectrum.predictions.count()) == (1, 2, 2)
    before.refresh_from_db()
    assert (before.without_host_light, now.without_host_light) == (None, 0.42)
    assert spectrum.corrections == {"host_light": 0.42}
    assert spectrum.receipt["corrections"]["host_redshift"] == 0.05
    assert flux(spectrum).sum() / whole.sum() == pytest.approx(0.58, abs=0.03)
    assert page.count("without 42 % host light") >= 2
    assert f"With it, the network said {before.class_name}" in page


def test_with_the_host_again_it_is_as_it_was(browser: Client, spectrum: Spectrum) -> None:
    whole = flux(spectrum)
    press(browser, spectrum)
    assert "without 42 % host light" not in press(browser, spectrum, share="").split("All 3 predictions")[0]
    assert spectrum.corrections == {}
    assert flux(spectrum) == pytest.approx(whole)
    assert spectrum.current_prediction is not None
    assert spectrum.current_prediction.without_host_light is None


def test_the_act_can_be_undone_like_any_correction(browser: Client, spectrum: Spectrum) -> None:
    press(browser, spectrum)
    act = spectrum.acts.get()
    browser.post(f"/spectra/{spectrum.pk}/acts/{act.pk}/undo/")
    spectrum.refresh_from_db()
    assert (spectrum.corrections, spectrum.reading) == ({}, 3)


def test_other_corrections_stay(browser: Client, spectrum: Spectrum) -> None:
    browser.post(f"{API}/spectra/{spectrum.pk}/reread/", {"medium": "vacuum"}, content_type="application/json")
    press(browser, spectrum)
    assert spectrum.corrections["medium"] == "vacuum"
    press(browser, spectrum, share="")
    assert spectrum.corrections == {"medium": "vacuum"}


def test_the_api_does_the_same_and_says_what_was_taken_off(browser: Client, spectrum: Spectrum) -> None:
    answer = browser.post(f"{API}/spectra/{spectrum.pk}/reread/", {"host_light": 0.42}, content_type="application/json")
    assert answer.status_code == 202
    assert answer.json()["receipt"]["host_light"] == 0.42
    classify_all()
    assert browser.get(f"{API}/spectra/{spectrum.pk}/").json()["prediction"]["without_host_light"] == 0.42


def test_without_a_redshift_nothing_is_changed(browser: Client, reviewer: User) -> None:
    blind = submit_spectrum(reviewer, spectrum_file(redshift=0.05), "b.txt", Given(transient="SN2")).spectrum
    answer = browser.post(f"{API}/spectra/{blind.pk}/reread/", {"host_light": 0.3}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "host_left")
    assert "the redshift is not known" in answer.json()["detail"]
    blind.refresh_from_db()
    assert (blind.reading, blind.corrections) == (1, {})


@pytest.mark.parametrize("share", ["0", "1", "much"])
def test_an_impossible_share_changes_nothing(browser: Client, spectrum: Spectrum, share: str) -> None:
    answer = browser.post(reverse("host", args=[spectrum.pk]), {"share": share}, follow=True)
    assert "the share must lie between 0.01 and 0.95" in answer.content.decode()
    spectrum.refresh_from_db()
    assert spectrum.reading == 1


def test_a_classification_says_that_it_rests_on_the_spectrum_without_its_host(
    browser: Client, spectrum: Spectrum, reviewer: User
) -> None:
    press(browser, spectrum)
    assert spectrum.transient is not None
    record_decision(reviewer, spectrum.transient, Proposal("confirm", prediction=spectrum.current_prediction_id))
    [row] = classifications.all_rows(classifications.vetted(reviewer, classifications.Wanted()))
    assert row["without_host_light"] == 0.42
    table = b"".join(browser.get(f"{API}/classifications/?format=csv").streaming_content).decode()  # type: ignore[attr-defined]
    header, line = table.splitlines()
    assert dict(zip(header.split(","), line.split(","), strict=True))["without_host_light"] == "0.42"


def test_where_there_is_little_host_light_nothing_is_offered(browser: Client, reviewer: User) -> None:
    sent = submit_spectrum(reviewer, spectrum_file(redshift=0.05), "a.txt", Given(transient="SN3", redshift=0.05))
    classify_all()
    told(sent.spectrum, 0.06)
    page = browser.get(reverse("review", args=["SN3"])).content.decode()
    assert "6 % ± 11 %" in page
    assert "Classify without the host" not in page


def test_the_figure_draws_the_host_or_takes_it_off_and_says_which(browser: Client, spectrum: Spectrum) -> None:
    address = reverse("plot", args=["SN1"])
    plain, drawn, without = (browser.get(address, {"host": host}).content.decode() for host in "012")
    assert "of the light" not in plain
    assert "host, 42 % of the light" in drawn
    assert "this spectrum without its host (42 % of the light)" in without
    assert "without 42 % host light" in browser.get(address, {"host": "2"}).json()["about"]["label"]
    for kind in ("continuum", "log"):
        assert "host, 42 %" in browser.get(address, {"host": "1", "flux": kind}).content.decode()
    samples = reverse("plot-samples", args=["SN1"])
    assert browser.get(samples, {"host": "1"}).json()["y"] == browser.get(samples).json()["y"]
    assert browser.get(samples, {"host": "2"}).json()["y"] != browser.get(samples).json()["y"]


def test_a_reading_without_the_host_has_no_host_to_draw(browser: Client, spectrum: Spectrum) -> None:
    press(browser, spectrum)
    told(spectrum, 0.05)
    assert "of the light" not in browser.get(reverse("plot", args=["SN1"]), {"host": "1"}).content.decode()
    assert "taken off this reading already" in browser.get(reverse("review", args=["SN1"])).content.decode()


def without_host(spectrum: Spectrum) -> Spectrum:
    """Return a spectrum from which 42 % of the light was taken off, classified."""
    spectrum.refresh_from_db()
    read_again(User.objects.get(), spectrum, {"host_light": 0.42})
    classify_all()
    spectrum.refresh_from_db()
    return spectrum


def expected_flux(spectrum: Spectrum, redshift: float) -> Any:
    """Return the flux in the band without a host at a redshift, in 1e-17."""
    corrections = Corrections(host_light=0.42, host_redshift=redshift)
    read = read_spectrum(bytes(spectrum.original.content), "a.txt", corrections).spectrum
    return 1e17 * read.flux[(read.wavelength / 1.05 > 4000) & (read.wavelength / 1.05 < 7000)]


def test_a_new_redshift_of_the_spectrum_takes_the_host_off_there(spectrum: Spectrum, reviewer: User) -> None:
    assert flux(without_host(spectrum)) == pytest.approx(expected_flux(spectrum, 0.05), rel=1e-5)
    correct_spectrum(reviewer, spectrum, {"redshift": 0.02})
    assert flux(spectrum) == pytest.approx(expected_flux(spectrum, 0.02), rel=1e-5)
    classify_all()
    spectrum.refresh_from_db()
    now = spectrum.current_prediction
    assert now is not None
    assert (spectrum.reading, now.reading, now.redshift_used, now.without_host_light) == (3, 3, 0.02, 0.42)
    assert spectrum.receipt["corrections"] == {"host_light": 0.42, "host_redshift": 0.02}
    assert spectrum.receipt["named_by"] == "person"


def test_a_new_redshift_of_the_transient_takes_the_host_off_there(spectrum: Spectrum, reviewer: User) -> None:
    spectrum = correct_spectrum(reviewer, spectrum, {"redshift": None})
    assert spectrum.transient is not None
    correct_transient(reviewer, spectrum.transient, {"redshift": 0.05})
    without_host(spectrum)
    correct_transient(reviewer, spectrum.transient, {"redshift": 0.02})
    assert flux(spectrum) == pytest.approx(expected_flux(spectrum, 0.02), rel=1e-5)


def test_another_transients_redshift_takes_the_host_off_there(spectrum: Spectrum, reviewer: User) -> None:
    spectrum = correct_spectrum(reviewer, spectrum, {"redshift": None})
    assert spectrum.transient is not None
    correct_transient(reviewer, spectrum.transient, {"redshift": 0.05})
    Transient.objects.create(name="SN9", redshift=0.02)
    moved = move(reviewer, without_host(spectrum), "SN9")
    assert flux(spectrum) == pytest.approx(expected_flux(spectrum, 0.02), rel=1e-5)
    assert (moved.state, moved.receipt["corrections"]["host_redshift"]) == ("queued", 0.02)


def test_without_a_redshift_the_host_is_back_until_there_is_one_again(spectrum: Spectrum, reviewer: User) -> None:
    whole = flux(spectrum)
    correct_spectrum(reviewer, without_host(spectrum), {"redshift": None})
    assert flux(spectrum) == pytest.approx(whole)
    classify_all()
    spectrum.refresh_from_db()
    assert spectrum.current_prediction is not None
    assert spectrum.current_prediction.without_host_light is None
    assert "host_left" in [warning["code"] for warning in spectrum.receipt["warnings"]]
    correct_spectrum(reviewer, spectrum, {"redshift": 0.05})
    assert flux(spectrum) == pytest.approx(expected_flux(spectrum, 0.05), rel=1e-5)


def test_the_host_is_back_where_a_new_audience_does_not_learn_the_redshift(reviewer: User) -> None:
    group = Group.objects.create(name="ours")
    reviewer.groups.add(group)
    private = Given(transient="SN1", group=group)
    sent = submit_spectrum(reviewer, spectrum_file(redshift=0.05), "a.txt", private).spectrum
    correct_transient(reviewer, Transient.objects.get(), {"redshift": 0.05})
    sent.refresh_from_db()
    whole = flux(sent)
    correct_spectrum(reviewer, without_host(sent), {"group": None})
    sent.refresh_from_db()
    assert (sent.known_redshift, sent.state, sent.receipt["host_light"]) == (None, "queued", None)
    assert flux(sent) == pytest.approx(whole)


def test_taking_the_host_off_can_be_undone_after_the_redshift_changed(spectrum: Spectrum, reviewer: User) -> None:
    whole = flux(spectrum)
    act = without_host(spectrum).acts.get()
    correct_spectrum(reviewer, spectrum, {"redshift": 0.02})
    spectrum.refresh_from_db()
    undone = undo_spectrum_act(reviewer, spectrum.acts.get(pk=act.pk))
    assert undone.corrections == {}
    assert flux(spectrum) == pytest.approx(whole)
