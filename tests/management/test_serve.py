"""The embedded desk keeps its processes running, also on a full disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from triage.management.commands import serve
from triage.management.commands.serve import pause_before
from triage.operations import disk


def test_a_process_that_keeps_ending_is_started_after_ever_longer_pauses() -> None:
    pauses = [pause_before(deaths) for deaths in range(1, 12)]
    assert pauses[:4] == [0.0, 1.0, 2.0, 4.0]
    assert pauses[-1] == 60.0


def test_pages_say_when_the_disk_is_full(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert b"disk of this desk is full" not in client.get("/login/").content
    monkeypatch.setattr(disk, "LEAST_FREE_BYTES", 1 << 62)
    assert b"disk of this desk is full" in client.get("/login/").content


def test_a_desk_that_starts_on_a_full_disk_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*command: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(serve, "call_command", full)
    with pytest.raises(CommandError, match="No space left on device"):
        call_command("serve", port=1)


def test_a_second_desk_on_the_same_folder_is_refused_and_the_first_one_is_named(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VAR = tmp_path
    started: list[int] = []

    def start_another(command: serve.Command, host: str, port: int, *rest: Any, **options: Any) -> None:
        started.append(port)
        with pytest.raises(CommandError, match=f"http://localhost:{port}/ \\(process {os.getpid()}\\)"):
            call_command("serve", port=port + 1)

    monkeypatch.setattr(serve.Command, "_serve", start_another)
    call_command("serve", port=8000)
    call_command("serve", port=7)
    assert started == [8000, 7]
