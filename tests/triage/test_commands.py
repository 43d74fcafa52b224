from __future__ import annotations

import json
import stat
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from tests.conftest import spectrum_file
from triage import demo, inference
from triage.models import ApiToken, Classification, Decision, Spectrum, SpectrumState, Transient

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_bytes(spectrum_file(seed=1))
    (tmp_path / "b.txt").write_bytes(spectrum_file(seed=2))
    (tmp_path / "bad.txt").write_text("nothing")
    (tmp_path / "m.csv").write_text("file,redshift\na.txt,0.03\n")
    return tmp_path


def test_ingest_takes_a_folder_in_with_its_manifest(folder: Path) -> None:
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


def test_the_demo_night_is_simulated_plain_to_see_and_decides_nothing() -> None:
    user = User.objects.create_user("demo")
    count = demo.seed(user)
    assert 38 <= count <= 44
    assert Spectrum.objects.filter(simulated=True).count() == count
    assert Transient.objects.filter(simulated=True).count() == Transient.objects.count()
    inference.process_queue()
    assert Spectrum.objects.filter(state=SpectrumState.CLASSIFIED).count() == count
    assert not Decision.objects.exists()
    assert not Classification.objects.exists()
    assert demo.seed(user) == 0


def test_the_demo_login_is_kept_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    login = demo.demo_login(file)
    demo.write_login(file, "http://localhost:8000/", login)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(json.loads(file.read_text())) == {"url", "user", "password", "token"}
    assert demo.demo_login(file) == login
    user = User.objects.get(username=login.user)
    assert user.check_password(login.password)
    assert ApiToken.objects.get().key_hash == ApiToken.hash_key(login.token)


def test_a_lost_login_file_is_made_anew(tmp_path: Path) -> None:
    first = demo.demo_login(tmp_path / "demo.json")
    second = demo.demo_login(tmp_path / "demo.json")
    assert first.password != second.password
    assert User.objects.get().check_password(second.password)


def test_issue_token_prints_a_key_that_works(reviewer: User) -> None:
    said = StringIO()
    call_command("issue_token", "reviewer", stdout=said)
    assert ApiToken.objects.get().key_hash == ApiToken.hash_key(said.getvalue().strip())
    with pytest.raises(CommandError):
        call_command("issue_token", "nobody")


def test_the_bench_says_where_the_time_goes_and_leaves_nothing_behind(reviewer: User) -> None:
    out = StringIO()
    call_command("bench_pipeline", "--spectra", "3", stdout=out)
    told = json.loads(out.getvalue())
    assert (told["spectra"], told["classified"], told["batches"]) == (3, 3, 1)
    assert set(told["seconds"]) >= {"read", "store", "predict"}
    assert (Spectrum.objects.count(), Transient.objects.count(), User.objects.count()) == (0, 0, 1)
