"""The client and its example script in docs/client, used against a real server."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from astropy.table import Table
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from tests.factories import spectrum_file
from tests.fakes.server import HTML, AnswerError, FakeService, Request
from triage.inference import worker
from triage.models import ApiToken, Scope

pytestmark = pytest.mark.django_db(transaction=True)

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "client"


@pytest.fixture(scope="module")
def client_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("spectrum_triage", FOLDER / "spectrum_triage.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["spectrum_triage"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def desk(client_module: ModuleType, live_server: LiveServer, reviewer: User) -> Any:
    return client_module.Desk(live_server.url, ApiToken.issue(reviewer, "test", tuple(Scope))[1])


def test_a_script_can_upload_wait_decide_and_follow_changes(
    client_module: ModuleType, desk: Any, tmp_path: Path
) -> None:
    file = tmp_path / 'odd "name" é.txt'
    file.write_bytes(spectrum_file())
    name = "MASTER OT J120451.50+265946.6"
    spectrum_id = desk.upload(file, transient=name, redshift=0.03, instrument="SEDM")
    assert desk.upload(file) == spectrum_id
    with pytest.raises(TimeoutError):
        desk.wait(spectrum_id, seconds=0)
    worker.process_backlog()
    spectrum = desk.wait(spectrum_id)
    assert (spectrum["transient"], spectrum["prediction"]["redshift_used"]) == (name, 0.03)
    assert desk.original(spectrum_id) == spectrum_file()
    assert len(desk.arrays(spectrum_id)["flux"]) > 100
    assert [row["transient"] for row in desk.queue()] == [name]
    decision = desk.decide(name, "override", class_name="TDE", prediction=spectrum["prediction"]["id"])
    assert [row["class_name"] for row in desk.classifications()] == ["TDE"]
    first = desk.changes()
    desk.undo(decision["id"])
    second = desk.changes(first.since)
    assert [row["withdrawn"] for row in first.rows + second.rows] == [False, True]
    assert desk.transient(name)["review_state"] == "pending"
    with pytest.raises(client_module.DeskError) as refused:
        desk.decide(name, "override", class_name="SN Iz")
    assert (refused.value.status, refused.value.code) == (400, "unknown_class")


def test_lists_are_followed_page_by_page_and_tables_are_written_to_files(desk: Any, tmp_path: Path) -> None:
    upload = desk.begin_upload()
    for seed in range(5):
        file = tmp_path / f"{seed}.txt"
        file.write_bytes(spectrum_file(seed=seed))
        desk.upload(file, transient=f"T{seed}", upload=upload)
    worker.process_backlog()
    entries = list(desk.uploaded(upload, page_size=2))
    assert [entry["filename"] for entry in entries] == [f"{seed}.txt" for seed in range(5)]
    assert {entry["spectrum"]["state"] for entry in entries} == {"classified"}
    for seed in range(5):
        desk.decide(f"T{seed}", "confirm")
    assert [row["id"] for row in desk.spectra(page_size=2, fields="id")] == sorted(
        (row["id"] for row in desk.spectra()), reverse=True
    )
    assert len(list(desk.transients(state="vetted", page_size=2))) == 5
    assert len(desk.changes(page_size=2).rows) == 5
    desk.export(tmp_path / "all.csv")
    desk.export(tmp_path / "all.vot", "votable")
    with (tmp_path / "all.csv").open() as opened:
        assert len(list(csv.DictReader(opened))) == 5
    assert len(Table.read(tmp_path / "all.vot", format="votable")) == 5


def test_light_curves_and_tokens_can_be_made_and_a_mistyped_filter_is_refused(
    client_module: ModuleType, desk: Any, tmp_path: Path
) -> None:
    (tmp_path / "x.txt").write_bytes(spectrum_file())
    desk.upload(tmp_path / "x.txt", transient="X")
    (tmp_path / "x.csv").write_text("mjd,filter,mag,error\n61000,r,18.1,0.1\n")
    assert desk.send_light_curve("X", tmp_path / "x.csv")["unit"] == "mag"
    (curve,) = desk.light_curves("X")
    assert curve["points"] == [{"mjd": 61000.0, "filter": "r", "value": 18.1, "error": 0.1}]
    made = desk.make_token("telescope", ["upload"])
    other = client_module.Desk(desk.root.removesuffix("/api/v1/"), made["key"])
    assert [row["name"] for row in other.transients()] == ["X"]
    with pytest.raises(client_module.DeskError) as refused:
        list(desk.classifications(clas="Ia"))
    assert (refused.value.code, refused.value.status) == ("unknown_parameter", 400)


def test_an_unreadable_file_raises_an_error_with_the_reason(
    client_module: ModuleType, desk: Any, tmp_path: Path
) -> None:
    (tmp_path / "x.txt").write_text("what is this?")
    with pytest.raises(client_module.DeskError) as refused:
        desk.upload(tmp_path / "x.txt")
    assert (refused.value.code, refused.value.body["receipt"]["name"]) == ("no_table", "x.txt")


def test_the_example_script_run_twice_sends_nothing_twice(
    live_server: LiveServer, reviewer: User, tmp_path: Path, desk: Any
) -> None:
    night = tmp_path / "night"
    night.mkdir()
    (night / "a.txt").write_bytes(spectrum_file())
    (night / "b.txt").write_text("not a spectrum")
    desk.upload(night / "a.txt", transient="A")
    worker.process_backlog()
    desk.decide("A", "confirm")
    key = ApiToken.issue(reviewer, "nightly", [Scope.UPLOAD])[1]
    command = [sys.executable, str(FOLDER / "nightly.py"), str(night), str(tmp_path / "vetted.json")]
    environment = os.environ | {"TRIAGE_URL": live_server.url, "TRIAGE_TOKEN": key}
    for changes in (1, 0):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
        assert "a.txt: SN Ia (" in done.stdout
        assert f"{changes} changes; 1 classifications stand" in done.stdout
    assert len(json.loads((tmp_path / "vetted.json").read_text())["rows"]) == 1


class Ailing(FakeService):
    """A server that refuses the first request and answers the second."""

    def answer(self, request: Request) -> Any:
        if len(self.requests) == 1:
            raise AnswerError(429, HTML, {"Retry-After": "0"})
        return {"id": 1, "state": "classified"}


def test_the_client_waits_when_it_meets_the_rate_limit(client_module: ModuleType) -> None:
    with Ailing() as server:
        assert client_module.Desk(server.url, "x").spectrum(1)["state"] == "classified"
        assert len(server.requests) == 2
