"""The embedded desk keeps its processes running, also on a full disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.test import Client

from triage.management.commands.serve import pause_before, put_broken_messages_aside
from triage.operations import disk


def test_a_process_that_keeps_ending_is_started_after_ever_longer_pauses() -> None:
    pauses = [pause_before(deaths) for deaths in range(1, 12)]
    assert pauses[:4] == [0.0, 1.0, 2.0, 4.0]
    assert pauses[-1] == 60.0


def test_messages_that_a_full_disk_cut_short_are_put_aside(tmp_path: Path) -> None:
    whole, cut, empty = (tmp_path / f"{name}.msg" for name in ("whole", "cut", "empty"))
    whole.write_text(json.dumps({"body": ""}))
    cut.write_text('{"body": ')
    empty.touch()
    put_broken_messages_aside(tmp_path)
    assert [file.name for file in tmp_path.glob("*.msg")] == ["whole.msg"]
    assert {file.name for file in (tmp_path / "broken").iterdir()} == {"cut.msg", "empty.msg"}
    put_broken_messages_aside(tmp_path / "missing")


def test_pages_say_when_the_disk_is_full(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert b"disk of this desk is full" not in client.get("/login/").content
    monkeypatch.setattr(disk, "LEAST_FREE_BYTES", 1 << 62)
    assert b"disk of this desk is full" in client.get("/login/").content
