"""Manifests: a table beside the files that states what is known of each."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from classifier.input_files import MOST_ROWS
from tests.api_client import API, client_of, upload
from tests.factories import spectrum_file
from triage.errors import InvalidUploadError
from triage.intake.manifest import preview, read_manifest
from triage.intake.reread import read_again
from triage.intake.stated import stated_facts
from triage.models import Original, Spectrum, Transient

pytestmark = pytest.mark.django_db

MANIFEST = """File, Transient, redshift, observed_at, instrument, ra, dec, comment
a.txt, SN2026aa, 0.03, 2026-03-04T05:06:07, SEDM, 12:30:00, -01:00:00, near the core
b.txt, SN2026bb, , , , , ,
gone.txt, SN2026cc, 0.1, , , , ,
"""


def manifest(text: str = MANIFEST) -> SimpleUploadedFile:
    return SimpleUploadedFile("manifest.csv", text.encode())


def test_files_find_their_rows_in_a_long_manifest_at_once() -> None:
    rows = "".join(f"night/{number}.txt,SN2026aa\n" for number in range(MOST_ROWS))
    long = read_manifest("manifest.csv", f"file,transient\n{rows}".encode())
    started = time.process_time()
    found = preview(long, [f"{number}.txt" for number in range(900)])
    assert time.process_time() - started < 10
    assert found["without_row"] == []
    with pytest.raises(InvalidUploadError, match="50,000 rows"):
        read_manifest("manifest.csv", f"file,transient\n{rows}one.txt,SN2026aa\n".encode())


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


def test_a_row_with_a_path_is_that_of_an_uploaded_file_if_no_other_row_ends_with_its_name(reviewer: User) -> None:
    text = "file,transient\nred/a.txt,SN2026aa\nred/b.txt,SN2026bb\nblue/b.txt,SN2026cc\n"
    api = client_of(reviewer)
    for seed, name in enumerate(("a.txt", "b.txt")):
        upload(api, spectrum_file(seed=seed), name, manifest=manifest(text))
    assert facts("a.txt")[0] == "SN2026aa"
    assert Spectrum.objects.get(filename="b.txt").transient is None
    found = preview(read_manifest("manifest.csv", text.encode()), ["a.txt", "b.txt"])
    assert (found["without_row"], found["without_file"]) == (["b.txt"], ["red/b.txt", "blue/b.txt"])


def test_a_row_counts_before_the_form_and_the_form_fills_what_it_leaves_open(reviewer: User) -> None:
    api = client_of(reviewer)
    upload(api, spectrum_file(seed=2), "b.txt", manifest=manifest(), transient="SN2026zz", redshift="0.2")
    assert facts("b.txt") == ("SN2026bb", 0.2, "", None, None, "")


def test_a_preview_says_what_matches_and_what_does_not(reviewer: User) -> None:
    sent = {"manifest": manifest(), "file": ["a.txt", "b.txt", "c.txt"]}
    found = client_of(reviewer).post(f"{API}/manifests/", sent, format="multipart").json()
    assert found["files"]["b.txt"] == {"transient": "SN2026bb"}
    assert (found["without_row"], found["without_file"]) == (["c.txt"], ["gone.txt"])
    assert found["rows_without_file"] == "1 row describes a file that is not here: gone.txt"
    assert not Spectrum.objects.exists()


def test_a_preview_names_the_columns_that_it_does_not_know_and_the_rows_that_are_too_long() -> None:
    content = b"file,redshift,obs_date,instrument\na.txt,0.1,2021-03-15,ANU 2,3m\nb.txt,0.2,,SEDM,\n"
    found = preview(read_manifest("m.csv", content), ["a.txt", "b.txt"])
    assert found["unused_columns"] == ["obs_date"]
    assert found["refused_rows"] == [
        "line 2 of m.csv: more cells than columns; put a value with a comma into quotation marks"
    ]


@pytest.mark.parametrize("text", ['file,redshift\na.txt,"0,0345"\n', "file;redshift\na.txt;0,0345\n"])
def test_a_redshift_may_have_a_decimal_comma_as_on_the_page(reviewer: User, text: str) -> None:
    assert upload(client_of(reviewer), spectrum_file(), "a.txt", manifest=manifest(text)).status_code == 202
    assert Spectrum.objects.get().stated_redshift == 0.0345


def test_a_bad_cell_refuses_its_own_file_alone(reviewer: User, client: Client) -> None:
    text = 'file,redshift\na.txt,0.03\nb.txt,"0,03 or so"\n'
    said = "line 3 of manifest.csv, column redshift: “0,03 or so” is not a number such as 0.034"
    files = [spectrum_file(seed=1), spectrum_file(seed=2)]
    sent = {"file": [SimpleUploadedFile(f"{name}.txt", file) for name, file in zip("ab", files, strict=True)]}
    answer = client_of(reviewer).post(f"{API}/spectra/batch/", sent | {"manifest": manifest(text)}, format="multipart")
    lines = [json.loads(line) for line in answer.getvalue().splitlines()]
    assert [(line["file"], line["status"]) for line in lines] == [("a.txt", 202), ("b.txt", 400)]
    assert (lines[1]["code"], lines[1]["detail"]) == ("invalid_manifest_row", said)
    client.force_login(reviewer)
    files = [spectrum_file(seed=3), spectrum_file(seed=4)]
    sent = {"spectra": [SimpleUploadedFile(f"{name}.txt", file) for name, file in zip("ab", files, strict=True)]}
    page = client.post("/upload/", {"spectra": [manifest(text), *sent["spectra"]]}, follow=True).content.decode()
    assert "1 spectrum accepted, 1 file refused" in page
    assert "Line 3 of manifest.csv, column redshift" in page
    assert Spectrum.objects.count() == 2


def test_two_rows_that_differ_refuse_their_file_and_equal_ones_count_once(reviewer: User) -> None:
    text = "file,redshift,comment\na.txt,0.03,\nb.txt,0.1,\n./a.txt,0.3,\nb.txt,0.1,\n"
    said = "line 2 of manifest.csv and line 4, column redshift: they differ, but are about the same file"
    api = client_of(reviewer)
    answer = upload(api, spectrum_file(seed=1), "a.txt", manifest=manifest(text))
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (400, "invalid_manifest_row", said)
    assert upload(api, spectrum_file(seed=2), "b.txt", manifest=manifest(text)).status_code == 202
    assert Spectrum.objects.get().stated_redshift == 0.1
    assert preview(read_manifest("manifest.csv", text.encode()), ["a.txt", "b.txt"])["refused_rows"] == [said]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,redshift\na.txt,high\n", "line 2 of manifest.csv, column redshift: “high” is not a number"),
        ("file,observed_at\na.txt,soon\n", "line 2 of manifest.csv, column observed_at: “soon” is not a date"),
        (
            "file,observed_at\na.txt,03/04/2026\n",
            "line 2 of manifest.csv, column observed_at: “03/04/2026” is not a date",
        ),
        ("file,ra,dec\na.txt,12:30:00,\n", "line 2 of manifest.csv, columns ra and dec"),
        ("file,ra,dec\na.txt,inf,inf\n", "line 2 of manifest.csv, columns ra and dec"),
        ("file,redshift\na.txt,0,0345\n", "line 2 of manifest.csv: more cells than columns"),
        ("file,comment\na.txt,a\x01b\n", "line 2 of manifest.csv, column comment: 'a\\x01b' has characters"),
        ("file,comment\na.txt,one\na.txt,\n", "line 2 of manifest.csv and line 3, column comment: they differ"),
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


def test_ingest_refuses_the_file_of_a_bad_row_alone(tmp_path: Path) -> None:
    for seed, name in enumerate("ab"):
        (tmp_path / f"{name}.txt").write_bytes(spectrum_file(seed=seed))
    (tmp_path / "manifest.csv").write_text("file,observed_at\na.txt,soon\n")
    said, complained = StringIO(), StringIO()
    call_command("ingest", str(tmp_path), stdout=said, stderr=complained)
    assert "1 new, 0 known already, 1 refused" in said.getvalue()
    assert "a.txt: invalid_manifest_row: line 2" in complained.getvalue()


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


def zipped(members: dict[str, bytes | str]) -> bytes:
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return bundle.getvalue()


def spectra_of(members: dict[str, int]) -> dict[str, bytes | str]:
    return {name: spectrum_file(seed=seed) for name, seed in members.items()}


def member_facts() -> dict[str, tuple[Any, ...]]:
    """Return what is recorded of each spectrum of an archive, by the path of its file there."""
    rows = Spectrum.objects.select_related("transient")
    return {
        row.receipt["member"]: (
            row.transient and row.transient.name,
            row.stated_redshift,
            row.instrument,
            row.receipt.get("coordinates"),
            row.comment,
        )
        for row in rows
    }


def warnings_of(answer: Any) -> list[str]:
    return [warning["message"] for warning in answer.json()["receipt"]["warnings"]]


@pytest.mark.parametrize("folder", ["", "night/"])
def test_a_manifest_inside_a_zip_states_what_one_beside_files_does(reviewer: User, folder: str) -> None:
    members = {
        f"{folder}Manifest.csv": MANIFEST,
        **spectra_of({f"{folder}{name}.txt": n for n, name in enumerate("abc")}),
    }
    sent = upload(client_of(reviewer), zipped(members), "night.zip", instrument="EFOSC2")
    assert sent.status_code == 202
    assert member_facts() == {
        f"{folder}a.txt": ("SN2026aa", 0.03, "SEDM", [187.5, -1.0], "near the core"),
        f"{folder}b.txt": ("SN2026bb", None, "EFOSC2", None, ""),
        f"{folder}c.txt": (None, None, "EFOSC2", None, ""),
    }
    assert f"{Spectrum.objects.get(part=0).observed_at:%Y-%m-%dT%H:%M:%S}" == "2026-03-04T05:06:07"
    transient = Transient.objects.get(name="SN2026aa")
    assert (transient.ra, transient.dec, transient.redshift) == (187.5, -1.0, 0.03)
    assert stated_facts(Spectrum.objects.get(part=0)) == [
        "transient SN2026aa",
        "redshift 0.03",
        "observed 2026-03-04 05:06 UTC",
        "instrument SEDM",
        "place 12:30:00.000 -01:00:00.00",
    ]
    said = f"in {folder}Manifest.csv, 1 row describes a file that is not here: gone.txt"
    assert [text for text in warnings_of(sent) if "manifest" in text.lower()] == [said, "not in the manifest: c.txt"]


def test_a_bad_row_inside_a_zip_refuses_its_own_file_alone(reviewer: User) -> None:
    text = 'file,redshift,colour\na.txt,"0,03 or so",red\nb.txt,0.04,\nc.txt,50,\nd.txt,0.05,\n'
    content = zipped({"manifest.csv": text, **spectra_of({f"{name}.txt": n for n, name in enumerate("abcd")})})
    api = client_of(reviewer)
    sent = upload(api, content, "night.zip")
    assert {member: facts[1] for member, facts in member_facts().items()} == {"b.txt": 0.04, "d.txt": 0.05}
    assert warnings_of(sent)[-3:] == [
        "a.txt: line 2 of manifest.csv, column redshift: “0,03 or so” is not a number such as 0.034",
        "c.txt: line 4 of manifest.csv: a redshift must lie between -0.1 and 10",
        "in manifest.csv, columns that a manifest does not have: colour",
    ]
    again = upload(api, content, "night.zip")
    assert (again.status_code, again.json()["id"]) == (200, sent.json()["id"])
    assert [part["part"] for part in again.json()["others"]] == ["d.txt"]
    second = again.json()["others"][0]["id"]
    assert api.post(f"{API}/spectra/{second}/reread/", {"medium": "air"}, format="json").status_code == 202
    assert Spectrum.objects.get(pk=second).receipt["part"] == "d.txt"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (
            "name,redshift\na.txt,0.1\n",
            "invalid_upload",
            "nothing was stored: mend the manifest or take it out. in/manifest.csv: there is no",
        ),
        ("file,redshift\na.txt,high\n", "invalid_manifest_row", "line 2 of in/manifest.csv, column redshift"),
    ],
)
def test_a_zip_whose_manifest_refuses_all_of_it_is_not_stored_and_costs_the_other_files_nothing(
    reviewer: User, text: str, code: str, said: str
) -> None:
    archive = SimpleUploadedFile("night.zip", zipped({"in/manifest.csv": text, **spectra_of({"in/a.txt": 1})}))
    other = SimpleUploadedFile("other.txt", spectrum_file(seed=2))
    answer = client_of(reviewer).post(f"{API}/spectra/batch/", {"file": [archive, other]}, format="multipart")
    lines = [json.loads(line) for line in answer.getvalue().splitlines()]
    assert [(line["file"], line["status"]) for line in lines] == [("night.zip", 400), ("other.txt", 202)]
    assert lines[0]["code"] == code
    assert said in lines[0]["detail"]
    assert Spectrum.objects.get().filename == "other.txt"


def test_the_nearest_manifest_of_a_zip_counts_and_files_of_one_name_keep_apart(reviewer: User) -> None:
    members: dict[str, bytes | str] = {
        "manifest.csv": "file,transient\none/a.txt,SN2026aa\ntwo/a.txt,SN2026bb\ntwo/b.txt,SN2026cc\n",
        "two/manifest.csv": "file,transient\na.txt,SN2026zz\n",
        **spectra_of({"one/a.txt": 1, "two/a.txt": 2, "two/b.txt": 3}),
    }
    upload(client_of(reviewer), zipped(members), "night.zip")
    names = {member: facts[0] for member, facts in member_facts().items()}
    assert names == {"one/a.txt": "SN2026aa", "two/a.txt": "SN2026zz", "two/b.txt": "SN2026cc"}


def test_a_zip_that_leaves_quarantine_is_described_by_its_manifest(reviewer: User) -> None:
    table = "\n".join(f"{380 + n} {1 + n % 7} {3 + n % 5}" for n in range(300))
    content = zipped(
        {"manifest.csv": "file,transient,redshift\na.txt,SN2026aa,high\nb.txt,SN2026bb,0.03\n"}
        | {"a.txt": table, "b.txt": table + "\n700 1 1"}
    )
    spectrum = stored_unread(reviewer, content)
    read_again(reviewer, spectrum, {"wavelength_unit": "nm"})
    assert {member: facts[:2] for member, facts in member_facts().items()} == {"b.txt": ("SN2026bb", 0.03)}


def stored_unread(user: User, content: bytes) -> Spectrum:
    """Return the record of a file that could not be read when it came."""
    sha256 = hashlib.sha256(content).hexdigest()
    original = Original.objects.create(sha256=sha256, content=content, size=len(content))
    return Spectrum.objects.create(
        uploaded_by=user, original=original, sha256=sha256, filename="night.zip", state="quarantined"
    )


def test_ingest_reads_the_manifest_inside_a_zip(tmp_path: Path) -> None:
    (tmp_path / "night.zip").write_bytes(zipped({"manifest.csv": MANIFEST, **spectra_of({"a.txt": 1})}))
    call_command("ingest", str(tmp_path), stdout=StringIO(), stderr=StringIO())
    assert member_facts()["a.txt"][0] == "SN2026aa"
