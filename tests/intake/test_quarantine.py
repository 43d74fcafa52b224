"""Files after their upload: corrected in one step, discarded or restored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.factories import spectrum_file
from tests.spectrum_files import desi, text
from triage.errors import InvalidActionError
from triage.intake import quarantine, reread
from triage.intake.quarantine import UnreadableSpectrumError
from triage.intake.submit import Given, submit_spectrum
from triage.models import Original, Spectrum, SpectrumAct, SpectrumState

pytestmark = pytest.mark.django_db

UNREADABLE = b"no spectrum at all"
WAVELENGTH = np.linspace(3800, 9200, 900)
NOISE = np.random.default_rng(5).normal(0, 0.05, 900)
FLUX = 2 + np.sin(WAVELENGTH / 200) + NOISE


def quarantined(user: User, content: bytes = UNREADABLE, given: Given | None = None) -> Spectrum:
    with pytest.raises(UnreadableSpectrumError) as caught:
        submit_spectrum(user, content, "a.txt", given)
    return caught.value.spectrum


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def send(user: User, content: bytes, name: str, **fields: Any) -> dict[str, Any]:
    answer = client_of(user).post("/api/v1/spectra/", {"file": SimpleUploadedFile(name, content), **fields})
    return answer.json() | {"status": answer.status_code}


def page_of(user: User, spectrum: Spectrum) -> str:
    return client_of(user).get(f"/spectra/{spectrum.pk}/").content.decode()


def test_the_first_lines_of_a_file_are_shown_beside_its_corrections(reviewer: User) -> None:
    shown = page_of(reviewer, quarantined(reviewer, "clouds <b>until</b>\n{}\n".format("é" * 200).encode()))
    assert "clouds &lt;b&gt;until&lt;/b&gt;" in shown
    assert "é" * 160 in shown
    assert "é" * 161 not in shown
    assert "Read the original file again" in shown


def test_no_correction_is_offered_for_a_binary_file(reviewer: User) -> None:
    spectrum = quarantined(reviewer, b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4)
    shown = page_of(reviewer, spectrum)
    assert spectrum.failure_code == "binary"
    assert "Read the original file again" not in shown
    assert "How the file begins" not in shown
    listed = client_of(reviewer).get("/quarantine/").content.decode()
    assert f"/spectra/{spectrum.pk}/#correct" not in listed


def test_a_light_curve_sent_as_a_spectrum_is_pointed_to_the_right_page(reviewer: User) -> None:
    rows = "".join(f"{60000 + day},g,{18 + day / 100:.2f},0.05\n" for day in range(30))
    spectrum = quarantined(reviewer, f"mjd,filter,mag,error\n{rows}".encode())
    assert "looks like a light curve" in page_of(reviewer, spectrum)
    assert "looks like a light curve" in client_of(reviewer).get("/quarantine/").content.decode()


@pytest.mark.parametrize(
    ("content", "corrections", "shows"),
    [
        (text(WAVELENGTH / 10, FLUX), {"wavelength_unit": "um"}, lambda s: s.wavelength_max > 1e6),
        (text(WAVELENGTH, FLUX, FLUX * 2), {"flux_column": 2}, lambda s: s.receipt["corrections"]["flux_column"] == 2),
        (text(WAVELENGTH, FLUX), {"frame": "rest"}, lambda s: s.at_rest),
        (
            desi([11, 22, 33], ["TGT", "TGT", "SKY"]),
            {"target": "22"},
            lambda s: s.receipt["metadata"]["object"] == "22",
        ),
    ],
)
def test_each_guess_can_be_corrected_in_one_step_on_the_page_and_in_the_api(
    reviewer: User, content: bytes, corrections: dict[str, Any], shows: Callable[[Spectrum], bool]
) -> None:
    spectrum = submit_spectrum(reviewer, content, "a.dat").spectrum
    assert not shows_safely(shows, spectrum)
    client = client_of(reviewer)
    answer = client.post(f"/api/v1/spectra/{spectrum.pk}/reread/", corrections, content_type="application/json")
    assert answer.status_code == 202
    assert shows(Spectrum.objects.get(pk=spectrum.pk))
    client.post(f"/api/v1/spectra/{spectrum.pk}/reread/", {}, content_type="application/json")
    assert not shows_safely(shows, Spectrum.objects.get(pk=spectrum.pk))
    page = client.post(f"/spectra/{spectrum.pk}/reread/", corrections)
    assert page.status_code == 302
    corrected = Spectrum.objects.get(pk=spectrum.pk)
    assert shows(corrected)
    assert (corrected.reading, corrected.state) == (4, SpectrumState.QUEUED)
    details = list(SpectrumAct.objects.filter(spectrum=spectrum).values_list("detail", "user__username"))
    made = {name: [None, value] for name, value in corrections.items()}
    taken_back = {name: [value, None] for name, value in corrections.items()}
    assert details == [(made, "reviewer"), (taken_back, "reviewer"), (made, "reviewer")]


def shows_safely(shows: Callable[[Spectrum], bool], spectrum: Spectrum) -> bool:
    try:
        return shows(spectrum)
    except KeyError:
        return False


def test_a_target_named_with_the_upload_is_the_one_that_is_read(reviewer: User) -> None:
    content = desi([11, 22], ["TGT", "TGT"])
    first = send(reviewer, content, "coadd.fits", target="22")
    assert (first["status"], first["receipt"]["metadata"]["object"]) == (202, "22")
    assert Spectrum.objects.count() == 1
    again = send(reviewer, content, "coadd.fits", target="22")
    assert (again["status"], again["id"]) == (200, first["id"])
    other = send(reviewer, content, "coadd.fits", target="11")
    assert (other["status"], other["receipt"]["metadata"]["object"]) == (202, "11")
    assert Original.objects.count() == 1
    missing = send(reviewer, content, "coadd.fits", target="99")
    assert (missing["status"], missing["code"]) == (400, "target_missing")
    assert "11, 22" in missing["detail"]
    assert Spectrum.objects.filter(state=SpectrumState.QUEUED).count() == 2


def test_reading_a_file_again_keeps_the_chosen_target(reviewer: User) -> None:
    content = desi([11, 22, 33], ["TGT"] * 3)
    for target in ("33", "11"):
        spectrum = Spectrum.objects.get(pk=send(reviewer, content, "coadd.fits", target=target)["id"])
        for _ in range(2):
            reread.read_again(reviewer, spectrum, {"medium": "vacuum"})
            spectrum.refresh_from_db()
            assert spectrum.receipt["metadata"]["object"] == target


def test_a_correction_that_fails_says_so_and_changes_nothing(reviewer: User) -> None:
    spectrum = submit_spectrum(reviewer, spectrum_file(), "a.txt").spectrum
    page = client_of(reviewer).post(f"/spectra/{spectrum.pk}/reread/", {"flux_column": 40})
    assert page.status_code == 400
    assert "nothing was changed" in page.content.decode()
    address = f"/api/v1/spectra/{spectrum.pk}/reread/"
    unknown = client_of(reviewer).post(address, {"colour": "red"}, content_type="application/json")
    assert unknown.status_code == 400
    assert Spectrum.objects.get().reading == 1
    assert not SpectrumAct.objects.exists()


def test_a_quarantined_file_is_corrected_from_its_page_and_leaves_the_quarantine(reviewer: User) -> None:
    content = b"# pixel counts\n" + text(WAVELENGTH, FLUX)
    spectrum = quarantined(reviewer, content)
    client = client_of(reviewer)
    assert f"/spectra/{spectrum.pk}/#correct" in client.get("/quarantine/").content.decode()
    assert client.post(f"/spectra/{spectrum.pk}/reread/", {"wavelength_unit": "angstrom"}).status_code == 302
    spectrum.refresh_from_db()
    assert (spectrum.state, spectrum.failure_code) == (SpectrumState.QUEUED, "")
    assert f"/spectra/{spectrum.pk}/" not in client.get("/quarantine/").content.decode()
    # Nothing names it, so it waits for a name now.
    assert f"/spectra/{spectrum.pk}/#name" in client.get("/quarantine/?show=unnamed").content.decode()


@pytest.mark.parametrize("again", ["corrected", "sent"])
def test_metadata_sent_with_a_quarantined_file_is_kept(reviewer: User, again: str) -> None:
    content = b"# pixel counts\n" + text(WAVELENGTH, FLUX)
    spectrum = quarantined(reviewer, content, Given(transient="SN 2026zz", redshift=0.05))
    corrections = {"wavelength_unit": "angstrom"}
    if again == "corrected":
        reread.read_again(reviewer, spectrum, corrections)
    else:
        submit_spectrum(reviewer, content, "a.txt", Given(corrections=corrections))
    stored = Spectrum.objects.select_related("transient").get()
    assert stored.transient is not None
    assert (stored.transient.name, stored.stated_redshift) == ("SN 2026zz", 0.05)


def test_a_file_that_a_group_corrects_does_not_become_public(make_user: Callable[..., User]) -> None:
    owner = make_user("owner", "A")
    content = b"# pixel counts\n" + text(WAVELENGTH, FLUX)
    public = quarantined(make_user("other"), content)
    private = Given(transient="secret", group=owner.groups.get(), corrections={"wavelength_unit": "angstrom"})
    spectrum = submit_spectrum(owner, content, "a.txt", private).spectrum
    assert spectrum.group == private.group
    public.refresh_from_db()
    assert public.state == SpectrumState.QUARANTINED


def test_a_target_chosen_for_a_group_is_stored_for_the_group(make_user: Callable[..., User]) -> None:
    owner = make_user("owner", "A")
    content = desi([11, 22], ["TGT", "TGT"])
    public = send(make_user("other"), content, "coadd.fits", target="11")
    group = owner.groups.get()
    private = Given(transient="secret", group=group, corrections={"target": "22"})
    assert submit_spectrum(owner, content, "coadd.fits", private).spectrum.group == group
    again = submit_spectrum(owner, content, "coadd.fits", private)
    assert (again.created, again.spectrum.group) == (False, group)
    theirs = Given(group=make_user("third", "B").groups.get(), corrections={"target": "11"})
    third = User.objects.get(username="third")
    assert submit_spectrum(third, content, "coadd.fits", theirs).spectrum.pk == public["id"]


def test_every_target_of_a_file_corrected_in_quarantine_is_stored(reviewer: User) -> None:
    spectrum = quarantined(reviewer, desi([11, 22, 33], ["TGT"] * 3), Given(corrections={"target": "99"}))
    reread.read_again(reviewer, spectrum, {})
    assert [stored.receipt["part"] for stored in Spectrum.objects.order_by("part")] == ["11", "22", "33"]


def test_a_discarded_file_keeps_its_bytes_and_can_be_restored(reviewer: User) -> None:
    spectrum = quarantined(reviewer)
    client = client_of(reviewer)
    assert client.post(f"/api/v1/spectra/{spectrum.pk}/discard/").json()["discarded"] is True
    assert "a.txt" not in client.get("/quarantine/").content.decode()
    assert "a.txt" in client.get("/quarantine/?show=discarded").content.decode()
    assert b"".join(client.get(f"/spectra/{spectrum.pk}/original/")) == UNREADABLE
    assert [row["id"] for row in client.get("/api/v1/spectra/?discarded=true").json()["results"]] == [spectrum.pk]
    assert client.post(f"/api/v1/spectra/{spectrum.pk}/discard/").status_code == 409
    client.post(f"/spectra/{spectrum.pk}/settle/restore/")
    assert "a.txt" in client.get("/quarantine/").content.decode()
    kinds = SpectrumAct.objects.order_by("id").values_list("kind", "user__username")
    assert list(kinds) == [("discarded", "reviewer"), ("restored", "reviewer")]
    page = client.get(f"/spectra/{spectrum.pk}/").content.decode()
    assert "Discarded by reviewer" in page


def test_a_classified_spectrum_cannot_be_discarded(reviewer: User) -> None:
    spectrum = submit_spectrum(reviewer, spectrum_file(), "a.txt", Given(transient="X")).spectrum
    with pytest.raises(InvalidActionError):
        quarantine.discard(reviewer, spectrum)
    assert not SpectrumAct.objects.exists()


def test_unused_corrections_of_a_known_file_are_reported(reviewer: User) -> None:
    submit_spectrum(reviewer, text(WAVELENGTH, FLUX), "a.txt")
    again = submit_spectrum(reviewer, text(WAVELENGTH, FLUX), "a.txt", Given(corrections={"frame": "rest"}))
    assert "corrections were not used" in again.notes[0]


def test_the_quarantine_page_takes_the_same_number_of_queries_for_many_files(
    reviewer: User, django_assert_num_queries: Any
) -> None:
    client = client_of(reviewer)
    quarantined(reviewer)
    client.get("/quarantine/")
    with django_assert_num_queries(7):
        client.get("/quarantine/")
    for number in range(5):
        quarantined(reviewer, UNREADABLE + b"%d" % number)
    with django_assert_num_queries(7):
        client.get("/quarantine/")
