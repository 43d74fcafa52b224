"""Management commands: ingest, issue_token and bench_pipeline."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command

from tests.factories import spectrum_file
from triage.models import ApiToken, Spectrum, Transient

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_bytes(spectrum_file(seed=1))
    (tmp_path / "b.txt").write_bytes(spectrum_file(seed=2))
    (tmp_path / "bad.txt").write_text("nothing")
    (tmp_path / "m.csv").write_text("file,redshift\na.txt,0.03\n")
    return tmp_path


def test_ingest_reads_a_folder_with_its_manifest(folder: Path) -> None:
    said, complained = StringIO(), StringIO()
    call_command("ingest", str(folder), manifest=folder / "m.csv", stdout=said, stderr=complained)
    assert "2 new, 0 known already, 1 refused" in said.getvalue()
    assert "bad.txt: no_table" in complained.getvalue()
    stated = dict(Spectrum.objects.values_list("filename", "stated_redshift"))
    assert stated == {"a.txt": 0.03, "b.txt": None, "bad.txt": None}
    call_command("ingest", str(folder), manifest=folder / "m.csv", stdout=said, stderr=complained)
    assert "0 new, 2 known already, 1 refused" in said.getvalue()


def test_ingest_says_what_is_wrong_with_its_arguments(folder: Path) -> None:
    with pytest.raises(CommandError, match="no column"):
        call_command("ingest", str(folder), manifest=folder / "a.txt")
    with pytest.raises(CommandError, match="no group"):
        call_command("ingest", str(folder), group="nobody")


def test_ingest_for_one_group_leaves_the_private_transients_of_another_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Group.objects.create(name=name)
        (tmp_path / f"sn2026abc_{name}.txt").write_bytes(spectrum_file(seed=ord(name)))
        call_command("ingest", str(tmp_path / f"sn2026abc_{name}.txt"), group=name, stdout=StringIO())
    shared = Spectrum.objects.order_by("pk").values_list("transient__name", "transient__group__name", "group__name")
    assert list(shared) == [("SN2026abc", "a", "a"), ("SN2026abc (2)", "b", "b")]


def test_ingest_makes_a_user_that_is_named_a_member_of_the_group(folder: Path) -> None:
    Group.objects.create(name="a")
    call_command("ingest", str(folder / "a.txt"), user="night", group="a", stdout=StringIO())
    assert [group.name for group in User.objects.get(username="night").groups.all()] == ["a"]
    assert Spectrum.objects.get().uploaded_by == User.objects.get(username="night")


def test_issue_token_prints_a_key_that_works(reviewer: User) -> None:
    said = StringIO()
    call_command("issue_token", "reviewer", stdout=said)
    assert ApiToken.objects.get().key_hash == ApiToken.hash_key(said.getvalue().strip())
    with pytest.raises(CommandError):
        call_command("issue_token", "nobody")


def test_the_benchmark_reports_its_timings_and_leaves_no_records(reviewer: User) -> None:
    out = StringIO()
    call_command("bench_pipeline", "--spectra", "3", stdout=out)
    told = json.loads(out.getvalue())
    assert (told["spectra"], told["classified"], told["batches"]) == (3, 3, 1)
    assert set(told["seconds"]) >= {"read", "store", "predict"}
    assert (Spectrum.objects.count(), Transient.objects.count(), User.objects.count()) == (0, 0, 1)
