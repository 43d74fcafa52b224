"""The whole way of a user from raw spectrum files to vetted classifications, with a new desk and a browser."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import chromium, log_in, wait_for_spectrum, watched
from tests.desk import Desk, running
from tests.factories import spectrum_file

pytestmark = pytest.mark.browser

UPLOADS = 50


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running(tmp_path_factory.mktemp("desk")) as started:
        yield started


def fifty_files(folder: Path, raw: Path | None) -> list[Path]:
    """Return every twentieth file of the archive, or simulated ones without it; one of the files is not a spectrum."""
    if raw is not None:
        return [*sorted(raw.glob("*"))[::20][: UPLOADS - 1], _not_a_spectrum(folder)]
    for seed in range(UPLOADS - 1):
        name = f"AT2026z{chr(97 + seed // 26)}{chr(97 + seed % 26)}"
        (folder / f"night_{seed:02d}.txt").write_bytes(spectrum_file("SN II", seed=seed, OBJECT=name))
    return [*sorted(folder.glob("night_*")), _not_a_spectrum(folder)]


def _not_a_spectrum(folder: Path) -> Path:
    file = folder / "notes.txt"
    file.write_text("clouds until midnight, then clear\n")
    return file


def upload(page: Page, desk: Desk, files: list[Path]) -> None:
    page.goto(f"{desk.url}upload/")
    page.set_input_files("#files", [str(file) for file in files])
    expect(page.locator("#chosen")).to_contain_text(f"{len(files)} file")
    page.click("#send")
    expect(page.locator("#results .result")).to_have_count(len(files))
    page.wait_for_function(
        # A spectrum that was read but cannot be classified has a receipt and is marked as refused.
        "count => [...document.querySelectorAll('#results .result')].filter("
        "card => card.matches('.refused') || card.querySelector('.receipt')).length === count",
        arg=len(files),
        timeout=120_000,
    )


def open_pending(page: Page, desk: Desk, position: int) -> str:
    """Open a row of the queue and return the name of its transient."""
    page.goto(desk.url)
    row = page.locator(".row").nth(position)
    name = row.locator("strong").inner_text()
    row.locator("a").click()
    wait_for_spectrum(page)
    return name


def test_a_night_from_files_to_vetted_classifications(
    desk: Desk, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    shared = Path(__file__).resolve().parents[2] / "shared" / "raw.tar.xz"
    files = fifty_files(tmp_path, request.getfixturevalue("raw_files") if shared.exists() else None)
    assert len(files) == UPLOADS
    desk.wait_until_classified()
    demo = desk.every("spectra/")
    assert len(demo) >= 40
    assert all(row["state"] == "classified" and row["prediction"]["class_name"] for row in demo)

    with chromium() as page:
        errors = watched(page)
        log_in(page, desk.url, desk.user, desk.password)
        expect(page.locator(".row")).to_have_count(25)
        upload(page, desk, files)
        desk.wait_until_classified(240)

        confirmed = {}
        for _ in range(3):
            name = open_pending(page, desk, 0)
            confirmed[name] = page.locator(".verdict .chip").inner_text()
            page.keyboard.press("c")
            expect(page.locator("#messages .message.success")).to_contain_text(name)
        overridden = open_pending(page, desk, 1)
        page.keyboard.press("o")
        page.keyboard.type("SN Ibn")
        page.keyboard.press("Enter")
        expect(page.locator("#messages .message.success")).to_contain_text(f"{overridden}: overridden to SN Ibn")
        undone = open_pending(page, desk, 2)
        page.keyboard.press("c")
        expect(page.locator("#messages .message.success")).to_contain_text(undone)
        page.keyboard.press("z")
        expect(page.locator("#messages .message.info")).to_contain_text(f"{undone}: the decision was undone")
        # The browser itself logs the status 400 with which the file without a spectrum was refused.
        assert [text for text in errors if "400" not in text or "/api/v1/spectra/" not in text] == []

    sent = [row for row in desk.every("spectra/") if row["id"] not in {old["id"] for old in demo}]
    refused = [row for row in sent if row["state"] != "classified"]
    assert len(sent) == UPLOADS
    assert all(row["prediction"] for row in sent if row["state"] == "classified")
    assert all(row["error"]["code"] and row["error"]["message"] for row in refused)

    expected = {**confirmed, overridden: "SN Ibn"}
    assert len(expected) == 4
    assert undone not in expected
    rows = desk.every("classifications/")
    assert {row["transient"]: row["class_name"] for row in rows} == expected
    assert {row["verdict"] for row in rows if row["transient"] in confirmed} == {"confirm"}
    table = list(csv.DictReader(io.StringIO(fetch(desk, "classifications/?format=csv"))))
    assert {row["transient"]: row["class_name"] for row in table} == expected
    exported = json.loads(fetch(desk, "classifications/?format=json"))["results"]
    assert all(row["reviewer"] == desk.user and row["decided_at"] for row in exported)


def fetch(desk: Desk, path: str) -> str:
    request = urllib.request.Request(f"{desk.url}api/v1/{path}", headers={"Authorization": f"Token {desk.token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())


def test_a_killed_worker_is_replaced(desk: Desk, tmp_path: Path) -> None:
    worker = next(child for child in children(desk.process.pid) if b"\0-B\0" in _read(child / "cmdline"))
    os.kill(int(worker.name), signal.SIGKILL)
    (tmp_path / "after.txt").write_bytes(spectrum_file("SN II", seed=404))
    with chromium() as page:
        log_in(page, desk.url, desk.user, desk.password)
        upload(page, desk, [tmp_path / "after.txt"])
    desk.wait_until_classified()
    assert "starting it again" in desk.log.read_text()


def test_a_desk_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    with running(tmp_path, "--no-demo") as desk:
        left = children(desk.process.pid)
        assert len(left) == 3
        desk.process.kill()
        desk.process.wait(timeout=10)
        deadline = time.monotonic() + 30
        while any(b"-m" in _read(process / "cmdline") for process in left):
            assert time.monotonic() < deadline
            time.sleep(0.2)


def children(parent: int) -> list[Path]:
    """Return the folders below /proc of a process's children."""
    return [process for process in Path("/proc").glob("[0-9]*") if _parent(process) == parent]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _parent(process: Path) -> int:
    found = re.search(rb"PPid:\s+(\d+)", _read(process / "status"))
    return int(found[1]) if found else 0


def test_an_interrupt_stops_a_desk_that_was_started_in_the_background(tmp_path: Path) -> None:
    # Shells start background jobs with interrupts ignored.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with running(tmp_path, "--no-demo") as other:
            assert other.interrupt() < 10
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_stops_the_whole_desk_within_ten_seconds(desk: Desk) -> None:
    # This test comes last, because it stops the desk that the tests above use.
    assert desk.interrupt() < 10
    with pytest.raises(OSError):
        urllib.request.urlopen(desk.url, timeout=2)
