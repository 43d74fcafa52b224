"""Uploading in a real browser: what has no name is asked for, and what was wrong is corrected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import chromium, log_in, watched
from tests.desk import Desk, running
from tests.factories import spectrum_file

pytestmark = pytest.mark.browser

MANIFEST = "file,transient,redshift\none.txt,SN2026aa,0.03\ntwo.txt,SN2026aa,\nthree.txt,SN2026bb,0.4\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running(tmp_path_factory.mktemp("desk")) as started:
        yield started


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    with chromium() as opened:
        log_in(opened, desk.url, desk.user, desk.password)
        yield opened


def files(folder: Path, *names: str, seed: int = 0) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / name for name in names]
    for number, path in enumerate(paths, start=seed):
        path.write_bytes(spectrum_file(seed=number))
    return paths


def upload(page: Page, desk: Desk, *paths: Path) -> None:
    page.goto(f"{desk.url}upload/")
    page.set_input_files("#files", paths)
    page.click("#send")


def test_every_spectrum_ends_on_the_right_transient(page: Page, desk: Desk, tmp_path: Path) -> None:
    errors = watched(page)
    # Two objects were saved under one name.
    for number, name in enumerate(("SN2026cc", "SN2026dd")):
        upload(page, desk, *files(tmp_path / name, "spec.txt", seed=10 + number))
        card = page.locator(".result")
        expect(card.locator(".tag.bad")).to_have_text("unnamed")
        card.get_by_label("Which transient is this?").fill(name)
        card.get_by_role("button", name="Name it").click()
        expect(card.locator(f"a[href*='{name}']")).to_be_visible()
    # A date is no name. The names that are known help.
    upload(page, desk, *files(tmp_path / "date", "20121001.txt", seed=20))
    page.locator(".result").get_by_label("Which transient is this?").fill("SN2026cc")
    page.get_by_role("button", name="Name it").click()
    expect(page.locator(".naming")).to_contain_text("joins SN2026cc, 2 epochs")
    # A designation in a file's name is a guess, and refused with one click.
    upload(page, desk, *files(tmp_path / "guess", "sn2026dd_blue.txt", seed=30))
    expect(page.locator(".naming")).to_contain_text("joins SN2026dd, 2 epochs")
    page.get_by_role("button", name="Not this one").click()
    expect(page.locator(".tag.bad")).to_have_text("unnamed")
    page.get_by_role("button", name="SN2026dd", exact=True).click()
    expect(page.locator(".naming")).to_contain_text("joins SN2026dd")
    # A manifest beside three files is shown before it is used.
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(MANIFEST)
    page.goto(f"{desk.url}upload/")
    page.set_input_files("#files", [*files(tmp_path / "night", "one.txt", "two.txt", "three.txt", seed=40), manifest])
    expect(page.locator("#manifest")).to_contain_text("describes 3 of these files")
    page.click("#send")
    expect(page.locator(".summary-line")).to_contain_text("3 spectra of 3 files accepted")
    # One redshift was wrong.
    page.locator(".result", has_text="three.txt").locator("summary").click()
    page.locator(".result", has_text="three.txt").get_by_role("link", name="Correct a guess").click()
    page.locator("#facts").get_by_label("Known redshift").fill("0.04")
    page.get_by_role("button", name="Correct the facts").click()
    expect(page.locator(".acts")).to_contain_text("redshift: 0.4 → 0.04")
    # The same file with another redshift asks which one is right.
    page.goto(f"{desk.url}upload/")
    page.set_input_files("#files", tmp_path / "night" / "three.txt")
    page.get_by_text("Facts about these files").click()
    page.get_by_label("Redshift").fill("0.05")
    page.click("#send")
    expect(page.locator(".result")).to_contain_text("redshift: 0.04 is recorded, you sent 0.05")
    page.get_by_role("button", name="Use what I sent").click()
    expect(page.locator(".result")).to_contain_text("Corrected.")
    for name, epochs, redshift in (
        ("SN2026aa", 2, "0.03"),
        ("SN2026bb", 1, "0.05"),
        ("SN2026cc", 2, ""),
        ("SN2026dd", 2, ""),
    ):
        page.goto(f"{desk.url}transients/{name}/")
        expect(page.locator(".review-head .facts")).to_contain_text(f"{epochs} spectr")
        expect(page.locator(".review-head .facts")).to_contain_text(
            f"known z {redshift}" if redshift else "no known redshift"
        )
    assert errors == []
