"""Likely duplicates: the same measurement in another file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client

from classifier.readers import read_spectrum
from tests.spectrum_files import image, text
from triage.intake import reread
from triage.intake.duplicates import DuplicateSearch
from triage.intake.submit import Given, submit_spectrum
from triage.models import Checkpoint, Prediction, QueueEntry, Spectrum, Transient
from triage.queue import entries
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db

WAVELENGTH = np.linspace(3800, 9200, 900)
NOISE = np.random.default_rng(5).normal(0, 0.05, 900)
FLUX = 2 + np.sin(WAVELENGTH / 200) + NOISE
COPIES = {
    "rescaled": text(WAVELENGTH, FLUX * 3e-17, form="{:.8g}"),
    "rounded": text(WAVELENGTH, FLUX, form="{:.5g}"),
    "in nm": text(WAVELENGTH / 10, FLUX, form="{:.8g}"),
    "per frequency": b"# wave flux(Jy)\n" + text(WAVELENGTH, FLUX * WAVELENGTH**2, form="{:.8g}"),
    "as FITS": image(FLUX, CRVAL1=3800.0, CDELT1=float(WAVELENGTH[1] - WAVELENGTH[0])),
    "with another header": b"# OBJECT: Other\n" + text(WAVELENGTH, FLUX),
}


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def send(user: User, content: bytes, name: str, **fields: Any) -> dict[str, Any]:
    answer = client_of(user).post("/api/v1/spectra/", {"file": SimpleUploadedFile(name, content), **fields})
    return answer.json() | {"status": answer.status_code}


def page_of(user: User, spectrum: Spectrum) -> str:
    return client_of(user).get(f"/spectra/{spectrum.pk}/").content.decode()


@pytest.mark.parametrize("how", COPIES)
def test_the_same_spectrum_in_another_file_is_flagged_as_a_duplicate_of_the_first(reviewer: User, how: str) -> None:
    first = submit_spectrum(reviewer, text(WAVELENGTH, FLUX, form="{:.8g}"), "first.txt").spectrum
    answer = send(reviewer, COPIES[how], "copy.dat")
    assert (answer["status"], answer["receipt"]["warnings"][-1]["code"]) == (202, "likely_duplicate")
    client = client_of(reviewer)
    assert client.get(f"/api/v1/spectra/{answer['id']}/").json()["likely_duplicate_of"] == first.pk
    page = client.get(f"/spectra/{answer['id']}/").content.decode()
    assert f'href="/spectra/{first.pk}/">first.txt' in page
    assert "the same samples came before" not in client.get(f"/spectra/{first.pk}/").content.decode()


def predict(spectrum: Spectrum, class_name: str, probability: float) -> None:
    checkpoint, _ = Checkpoint.objects.get_or_create(hash="c" * 64, name="c", taxonomy_version="1", current=True)
    spectrum.current_prediction = Prediction.objects.create(
        spectrum=spectrum,
        reading=1,
        checkpoint=checkpoint,
        class_name=class_name,
        probabilities={class_name: probability, "Star": 1 - probability},
        novelty=0.1,
        uncertainty=1 - probability,
    )
    spectrum.save()
    with transaction.atomic():
        entries.refresh(spectrum.transient_id)


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for stem, content in members.items():
            archive.writestr(f"night/{stem}.txt", content)
    return packed.getvalue()


def test_a_copy_in_a_zip_joins_the_transient_of_its_original_and_needs_no_look(reviewer: User) -> None:
    content = b"# OBJECT: Header name\n" + text(WAVELENGTH, FLUX, form="{:.8g}")
    first = submit_spectrum(reviewer, content, "first.txt", Given(transient="SN2026abc")).spectrum
    predict(first, "SN Ia", 0.6)
    record_decision(reviewer, Transient.objects.get(), Proposal("confirm"))
    before = QueueEntry.objects.values().get()
    copy = submit_spectrum(reviewer, zipped(renamed=content), "night.zip").spectrum
    assert (copy.likely_duplicate_of, copy.transient, copy.receipt["named_by"]) == (first, first.transient, "copy")
    predict(copy, "SN II", 0.99)
    assert QueueEntry.objects.values().get() == before
    page = client_of(reviewer).get("/transients/SN2026abc/")
    assert page.context["page"].spectrum == first
    reading = client_of(reviewer).get(f"/spectra/{copy.pk}/", headers={"X-Fragment": "1"}).content.decode()
    assert "The same spectrum is stored already" in reading
    assert f'href="/spectra/{first.pk}/"' in reading
    assert "needs no" in reading


def test_a_groups_copy_of_a_vetted_public_spectrum_does_not_wait(make_user: Callable[..., User]) -> None:
    alice = make_user("alice", "a")
    first = submit_spectrum(alice, text(WAVELENGTH, FLUX), "first.txt", Given(transient="SN2026abc")).spectrum
    copy = submit_spectrum(alice, COPIES["in nm"], "copy.txt", Given(group=alice.groups.get())).spectrum
    predict(first, "SN Ia", 0.6)
    predict(copy, "SN Ia", 0.9)
    assert copy.transient == first.transient
    assert [entry.group for entry in QueueEntry.objects.all()] == [None]
    decision = record_decision(alice, Transient.objects.get(), Proposal("confirm"))
    assert (decision.prediction, decision.group) == (first.current_prediction, None)


def test_a_copy_that_somebody_names_otherwise_asks_which_is_right(reviewer: User) -> None:
    content = text(WAVELENGTH, FLUX, form="{:.8g}")
    submit_spectrum(reviewer, content, "first.txt", Given(transient="SN2026abc"))
    copy = submit_spectrum(reviewer, COPIES["in nm"], "copy.txt", Given(transient="SN2026xyz")).spectrum
    assert str(copy.transient) == "SN2026xyz"
    reading = client_of(reviewer).get(f"/spectra/{copy.pk}/", headers={"X-Fragment": "1"}).content.decode()
    assert "Which is right?" in reading
    assert "Move one of them on its receipt’s page." in reading


def test_a_copy_of_a_spectrum_that_is_not_classified_needs_a_look(reviewer: User) -> None:
    submit_spectrum(reviewer, text(WAVELENGTH, FLUX, form="{:.8g}"), "first.txt", Given(transient="SN2026abc"))
    copy = submit_spectrum(reviewer, COPIES["in nm"], "copy.txt", Given(transient="SN2026abc")).spectrum
    reading = client_of(reviewer).get(f"/spectra/{copy.pk}/", headers={"X-Fragment": "1"}).content.decode()
    assert "of SN2026abc" in reading
    assert "needs no" not in reading


def test_an_observed_copy_does_not_join_a_simulated_transient(reviewer: User) -> None:
    content = text(WAVELENGTH, FLUX, form="{:.8g}")
    submit_spectrum(reviewer, content, "first.txt", Given(transient="SIM1", simulated=True))
    assert submit_spectrum(reviewer, COPIES["in nm"], "copy.txt").spectrum.transient is None


def test_another_exposure_of_the_same_transient_is_not_a_duplicate(reviewer: User) -> None:
    submit_spectrum(reviewer, text(WAVELENGTH, FLUX), "first.txt")
    other = FLUX + np.random.default_rng(6).normal(0, 0.05, 900)
    assert submit_spectrum(reviewer, text(WAVELENGTH, other), "b.txt").spectrum.likely_duplicate_of is None


def test_a_private_spectrum_is_not_revealed_by_a_copy_of_it(make_user: Callable[..., User]) -> None:
    alice, bob, carol = make_user("alice", "a"), make_user("bob", "b"), make_user("carol")
    private = submit_spectrum(alice, text(WAVELENGTH, FLUX), "a.txt", Given(group=alice.groups.get())).spectrum
    in_other_group = Given(group=bob.groups.get())
    assert submit_spectrum(bob, COPIES["in nm"], "b.txt", in_other_group).spectrum.likely_duplicate_of is None
    public = submit_spectrum(carol, COPIES["rescaled"], "c.txt").spectrum
    assert public.likely_duplicate_of is None
    again = submit_spectrum(alice, COPIES["rounded"], "d.txt", Given(group=alice.groups.get())).spectrum
    assert again.likely_duplicate_of_id == private.pk
    # A public upload of alice's own is seen by everybody, and so is what it is said to repeat.
    assert submit_spectrum(alice, COPIES["as FITS"], "e.txt").spectrum.likely_duplicate_of_id == public.pk


def test_duplicates_are_sought_again_after_a_correction(reviewer: User) -> None:
    first = submit_spectrum(reviewer, text(WAVELENGTH, FLUX), "a.txt").spectrum
    wrong = submit_spectrum(reviewer, COPIES["in nm"], "b.txt", Given(corrections={"wavelength_unit": "um"})).spectrum
    assert wrong.likely_duplicate_of is None
    assert reread.read_again(reviewer, wrong, {"wavelength_unit": "nm"}).likely_duplicate_of_id == first.pk


def test_a_duplicate_stays_marked_when_its_host_is_taken_off_and_put_back(reviewer: User) -> None:
    first = submit_spectrum(reviewer, text(WAVELENGTH, FLUX), "a.txt").spectrum
    copy = submit_spectrum(reviewer, COPIES["in nm"], "b.txt", Given(redshift=0.05)).spectrum
    for corrections in ({"host_light": 0.4}, {}):
        copy = reread.read_again(reviewer, copy, corrections)
        assert copy.without_host == bool(corrections)
        assert copy.likely_duplicate_of_id == first.pk
        assert [warning["code"] for warning in copy.receipt["warnings"]].count("likely_duplicate") == 1


def test_duplicates_of_more_spectra_than_one_query_takes_are_found(reviewer: User) -> None:
    content = text(WAVELENGTH, FLUX, form="{:.8g}")
    first = submit_spectrum(reviewer, content, "first.txt").spectrum
    far = [Spectrum(centre=1e4 * 1.001**number, width=1000.0) for number in range(1200)]
    twin = Spectrum(centre=first.centre, width=first.width)
    reading = read_spectrum(content).spectrum
    search = DuplicateSearch([(spectrum, reading) for spectrum in (*far, twin)])
    search.compare()
    assert search.mark() == [twin]
    assert {spectrum.likely_duplicate_of_id for spectrum in far} == {None}
    assert twin.likely_duplicate_of_id == first.pk


def test_copies_of_many_alike_exposures_are_found(reviewer: User) -> None:
    drawn = np.random.default_rng(7)
    exposures = [FLUX + drawn.normal(0, 0.05, 900) for _ in range(80)]
    form = "{:.8g}"
    submit_spectrum(
        reviewer, zipped(**{f"e{n}": text(WAVELENGTH, one, form=form) for n, one in enumerate(exposures)}), "a.zip"
    )
    submit_spectrum(
        reviewer, zipped(**{f"e{n}": text(WAVELENGTH / 10, one) for n, one in enumerate(exposures)}), "b.zip"
    )
    originals, copies = Spectrum.objects.filter(filename="a.zip"), Spectrum.objects.filter(filename="b.zip")
    found = list(copies.order_by("part").values_list("likely_duplicate_of", flat=True))
    assert found == list(originals.order_by("part").values_list("pk", flat=True))
