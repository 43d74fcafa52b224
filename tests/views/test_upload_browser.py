"""Uploading in a real browser: what has no name is asked for, and what was wrong is corrected."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import wait_for_spectrum, watched
from tests.desk import Desk
from tests.factories import spectrum_file

pytestmark = pytest.mark.browser

MANIFEST = "file,transient,redshift\none.txt,SN2026aa,0.03\ntwo.txt,SN2026aa,\nthree.txt,SN2026bb,0.4\n"


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
        expect(page.get_by_role("link", name="Name these")).to_be_visible()
        card.get_by_label("Which transient is this?").fill(name)
        card.get_by_role("button", name="Name it").click()
        expect(card.locator(f"a[href*='{name}']")).to_be_visible()
        expect(page.get_by_role("link", name="Review these")).to_be_visible()
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


def test_the_files_of_an_upload_survive_a_reload_and_are_reviewed_by_themselves(
    page: Page, desk: Desk, tmp_path: Path
) -> None:
    errors = watched(page)
    (other,) = files(tmp_path / "before", "sn2026zz.txt", seed=60)
    upload(page, desk, other)
    expect(page.locator(".summary-line")).to_contain_text("1 spectrum of 1 file accepted")
    names = [f"SN2026{letters}" for letters in ("ee", "ff", "gg")]
    bad = tmp_path / "clouds.txt"
    bad.write_text("clouds\n")
    upload(page, desk, *files(tmp_path / "night", *(f"{name}.txt" for name in names), seed=70), bad)
    expect(page.locator(".summary-line")).to_contain_text("3 spectra of 3 files accepted, 1 file refused")
    expect(page).to_have_url(re.compile(r"/upload/\d+/$"))
    address = page.url
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Upload of")
    # The page follows the network.
    expect(page.locator("[data-refresh]")).to_contain_text("3 classified")
    expect(page.locator(".result")).to_have_count(4)
    expect(page.locator(".result").first).to_contain_text("clouds.txt")
    expect(page.locator(".result .chip")).to_have_count(3)
    page.get_by_role("link", name="Review these").click()
    listed = page.locator(".row strong")
    expect(listed).to_have_count(3)
    # The page sends three files at a time, so their order may differ by a little.
    assert sorted(listed.all_inner_texts()) == names
    order = listed.all_inner_texts()
    listed.first.click()
    for name in order[1:]:
        wait_for_spectrum(page)
        page.keyboard.press("n")
        expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    expect(page.locator('[data-key="n"]')).to_have_count(0)
    page.goto(f"{desk.url}upload/")
    listed = page.locator(".uploads li")
    expect(listed.first).to_contain_text("and 3 more")
    listed.first.get_by_role("link").click()
    expect(page).to_have_url(address)
    # The browser logs the refusal of one file.
    assert ["400" in error for error in errors] == [True]
