"""Manifests: a table beside the files that states what is known of each."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from tests.api_client import API, client_of, upload
from tests.factories import spectrum_file
from triage.intake.manifest import preview, read_manifest
from triage.models import Spectrum, Transient

pytestmark = pytest.mark.django_db

MANIFEST = """File, Transient, redshift, observed_at, instrument, ra, dec, comment
a.txt, SN2026aa, 0.03, 2026-03-04T05:06:07, SEDM, 12:30:00, -01:00:00, near the core
b.txt, SN2026bb, , , , , ,
gone.txt, SN2026cc, 0.1, , , , ,
"""


def manifest(text: str = MANIFEST) -> SimpleUploadedFile:
    return SimpleUploadedFile("manifest.csv", text.encode())


def facts(filename: str) -> tuple[Any, ...]:
    spectrum = Spectrum.objects.select_related("transient").get(filename=filename)
    transient = spectrum.transient
    assert transient is not None
    return (
        transient.name,
        spectrum.stated_redshift,
        spectrum.instrument,
        transient.ra,
        transient.dec,
        spectrum.comment,
    )


def test_a_row_states_everything_that_is_known_of_a_file(reviewer: User) -> None:
    api = client_of(reviewer)
    assert upload(api, spectrum_file(seed=1), "a.txt", manifest=manifest()).status_code == 202
    assert facts("a.txt") == ("SN2026aa", 0.03, "SEDM", 187.5, -1.0, "near the core")
    assert f"{Spectrum.objects.get().observed_at:%Y-%m-%dT%H:%M:%S}" == "2026-03-04T05:06:07"


def test_a_row_counts_before_the_form_and_the_form_fills_what_it_leaves_open(reviewer: User) -> None:
    api = client_of(reviewer)
    upload(api, spectrum_file(seed=2), "b.txt", manifest=manifest(), transient="SN2026zz", redshift="0.2")
    assert facts("b.txt") == ("SN2026bb", 0.2, "", None, None, "")


def test_a_preview_says_what_matches_and_what_does_not(reviewer: User) -> None:
    sent = {"manifest": manifest(), "file": ["a.txt", "b.txt", "c.txt"]}
    found = client_of(reviewer).post(f"{API}/manifests/", sent, format="multipart").json()
    assert found["files"]["b.txt"] == {"transient": "SN2026bb"}
    assert (found["without_row"], found["without_file"]) == (["c.txt"], ["gone.txt"])
    assert not Spectrum.objects.exists()


def test_a_preview_names_the_columns_that_it_does_not_know_and_the_rows_that_are_too_long() -> None:
    content = b"file,redshift,obs_date,instrument\na.txt,0.1,2021-03-15,ANU 2,3m\nb.txt,0.2,,SEDM\n"
    found = preview(read_manifest("m.csv", content), ["a.txt", "b.txt"])
    assert found["unused_columns"] == ["obs_date"]
    assert found["uneven_rows"] == ["m.csv, line 2"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,redshift\na.txt,high\n", "line 2: “high” is not a redshift"),
        ("file,observed_at\na.txt,soon\n", "line 2: “soon” is not a date"),
        ("file,observed_at\na.txt,03/04/2026\n", "line 2: “03/04/2026” is not a date"),
        ("file,ra,dec\na.txt,12:30:00,\n", "line 2: ra and dec"),
        ("file,ra,dec\na.txt,inf,inf\n", "line 2: ra and dec"),
        ("file,comment\na.txt,a\x01b\n", "line 2: 'a\\x01b' has characters"),
        ("name,redshift\na.txt,0.1\n", "no column “file”"),
        ("file,colour\na.txt,red\n", "needs one of the columns"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused_with_its_place_and_nothing_is_stored(
    reviewer: User, text: str, said: str
) -> None:
    answer = upload(client_of(reviewer), spectrum_file(), "a.txt", manifest=manifest(text))
    assert answer.status_code == 400
    assert said in answer.json()["detail"]
    assert not Spectrum.objects.exists()


def test_a_private_file_s_coordinates_stay_with_it_if_others_know_the_transient(reviewer: User, make_user: Any) -> None:
    owner = make_user("owner", "A")
    upload(client_of(reviewer), spectrum_file(seed=2), "other.txt", transient="SN2026aa")
    upload(client_of(owner), spectrum_file(seed=1), "a.txt", manifest=manifest(), group="A")
    assert (Transient.objects.get().ra, Transient.objects.get().redshift) == (None, None)
    assert Spectrum.objects.get(filename="a.txt").receipt["coordinates"] == [187.5, -1.0]


def test_the_upload_page_without_javascript_reads_a_manifest_among_the_files(reviewer: User, client: Client) -> None:
    client.force_login(reviewer)
    files = [manifest(), *(SimpleUploadedFile(f"{name}.txt", spectrum_file(seed=i)) for i, name in enumerate("ab"))]
    page = client.post("/upload/", {"spectra": files}, follow=True).content.decode()
    assert "2 spectra accepted" in page
    assert (facts("a.txt")[0], facts("b.txt")[0]) == ("SN2026aa", "SN2026bb")


def test_ingest_finds_the_manifest_of_a_folder_and_says_what_it_matched(tmp_path: Path) -> None:
    for seed, name in enumerate("ab"):
        (tmp_path / f"{name}.txt").write_bytes(spectrum_file(seed=seed))
    (tmp_path / "manifest.csv").write_text(MANIFEST)
    said, complained = StringIO(), StringIO()
    call_command("ingest", str(tmp_path), stdout=said, stderr=complained)
    assert "2 of 3 rows belong to one of 2 files" in said.getvalue()
    assert "there is no file gone.txt" in complained.getvalue()
    assert facts("a.txt")[0] == "SN2026aa"
    (tmp_path / "manifest.csv").write_text("file,observed_at\na.txt,soon\n")
    with pytest.raises(CommandError, match="line 2"):
        call_command("ingest", str(tmp_path))


def test_a_manifest_that_comes_later_completes_the_records(reviewer: User) -> None:
    api = client_of(reviewer)
    upload(api, spectrum_file(seed=1), "a.txt", transient="SN2026aa")
    answer = upload(api, spectrum_file(seed=1), "a.txt", manifest=manifest())
    assert answer.status_code == 200
    assert facts("a.txt") == ("SN2026aa", 0.03, "SEDM", 187.5, -1.0, "near the core")


def test_what_a_manifest_states_survives_quarantine_and_another_reading(reviewer: User) -> None:
    api = client_of(reviewer)
    content = b"# pixel counts\n" + spectrum_file(seed=1)
    answer = upload(api, b"no spectrum", "a.txt", manifest=manifest())
    assert answer.status_code == 400
    spectrum = Spectrum.objects.get()
    assert (spectrum.comment, spectrum.receipt["coordinates"]) == ("near the core", [187.5, -1.0])
    upload(api, content, "spec.txt", ra="187.5", dec="-1.0")
    unnamed = Spectrum.objects.get(filename="spec.txt")
    api.post(f"{API}/spectra/{unnamed.pk}/reread/", {"medium": "air", "wavelength_unit": "angstrom"}, format="json")
    assert Spectrum.objects.get(filename="spec.txt").receipt["coordinates"] == [187.5, -1.0]


def test_ingest_names_the_files_of_an_earlier_run_when_a_manifest_is_added(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(spectrum_file(seed=1))
    call_command("ingest", str(tmp_path), stdout=StringIO())
    assert Spectrum.objects.get().transient is None
    (tmp_path / "manifest.csv").write_text(MANIFEST)
    said = StringIO()
    call_command("ingest", str(tmp_path), stdout=said, stderr=StringIO())
    assert "belongs to SN2026aa now" in said.getvalue()
    assert facts("a.txt") == ("SN2026aa", 0.03, "SEDM", 187.5, -1.0, "near the core")


@pytest.mark.parametrize(
    ("ra", "dec", "said"), [("12:34", "1", "A coordinate is in degrees"), ("12:30:00", "", "together")]
)
def test_coordinates_that_cannot_be_read_store_nothing_and_are_said(
    reviewer: User, client: Client, ra: str, dec: str, said: str
) -> None:
    client.force_login(reviewer)
    file = SimpleUploadedFile("a.txt", spectrum_file())
    assert said in client.post("/upload/", {"spectra": file, "ra": ra, "dec": dec}).content.decode()
    assert not Spectrum.objects.exists()
    file.seek(0)
    client.post("/upload/", {"spectra": file, "transient": "SN2026abc", "ra": "12:30:00", "dec": "-01:00:00"})
    assert (Transient.objects.get().ra, Transient.objects.get().dec) == (187.5, -1.0)
