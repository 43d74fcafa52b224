"""Uploading in a real browser: what has no name is asked for, and what was wrong is corrected."""

from __future__ import annotations

import re
import zipfile
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
    expect(page.locator(".result")).to_contain_text("Redshift: 0.04 is recorded, you sent 0.05")
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


def test_typed_facts_hold_for_the_files_sent_with_them_and_not_for_the_next(
    page: Page, desk: Desk, tmp_path: Path
) -> None:
    first, second = files(tmp_path / "night", "SN2026ha.txt", "SN2026hb.txt", seed=140)
    page.goto(f"{desk.url}upload/")
    page.set_input_files("#files", first)
    page.get_by_text("Facts about these files").click()
    typed = {
        "redshift": "0,05",
        "ra": "188.736",
        "dec": "-12.582",
        "observed_at": "2026-11-20T03:04:05",
        "instrument": "EFOSC2",
        "comment": "thin clouds",
    }
    for name, value in {**typed, "redshift": "blue"}.items():
        page.fill(f"#upload [name={name}]", value)
    page.click("#send")
    # A refused file leaves the facts, so that the wrong one can be mended.
    expect(page.locator(".result.refused")).to_have_count(1)
    for name, value in {**typed, "redshift": "blue"}.items():
        expect(page.locator(f"#upload [name={name}]")).to_have_value(value)
    page.fill("#upload [name=redshift]", typed["redshift"])
    page.set_input_files("#files", first)
    page.click("#send")
    card = page.locator(".result:not(.refused)")
    recorded = "2026-11-20 03:04 UTC · EFOSC2 · RA 188.73600°, Dec -12.58200° · “thin clouds”"
    expect(card.locator(".recorded")).to_have_text(recorded, use_inner_text=True)
    for name in ("transient", *typed):
        expect(page.locator(f"#upload [name={name}]")).to_have_value("")
    page.set_input_files("#files", second)
    page.click("#send")
    expect(page.get_by_role("link", name="SN2026hb", exact=True)).to_be_visible()
    expect(page.get_by_text("Stated, not read from the file: redshift 0.05; ")).to_have_count(1)
    page.goto(f"{desk.url}transients/SN2026hb/")
    expect(page.locator(".review-head .facts")).to_contain_text("no known redshift")


def test_a_dropped_folder_is_taken_with_what_lies_deeper_in_it(page: Page, desk: Desk, tmp_path: Path) -> None:
    files(tmp_path / "night", "SN2026fa_blue.txt", ".DS_Store", seed=50)
    files(tmp_path / "night" / "red", "SN2026fb_red.txt", seed=90)
    page.goto(f"{desk.url}upload/")
    place = page.locator("#drop").bounding_box()
    assert place is not None
    data = {"items": [], "files": [str(tmp_path / "night")], "dragOperationsMask": 1}
    mouse = page.context.new_cdp_session(page)
    for event in ("dragEnter", "dragOver", "drop"):
        at = {"type": event, "x": place["x"] + 40, "y": place["y"] + 40, "data": data}
        mouse.send("Input.dispatchDragEvent", at)
    expect(page.locator("#chosen")).to_contain_text("2 files chosen")
    page.click("#send")
    expect(page.get_by_role("link", name="SN2026fa", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="SN2026fb", exact=True)).to_be_visible()


def test_the_spectra_of_a_zip_are_told_apart_by_their_files(page: Page, desk: Desk, tmp_path: Path) -> None:
    archive = tmp_path / "night.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in files(tmp_path / "zipped", *(f"SN2026g_{number}.txt" for number in range(33)), seed=100):
            packed.write(path, path.name)
    upload(page, desk, archive)
    card = page.locator(".result")
    for number in (0, 1):
        expect(card).to_contain_text(f"SN2026g_{number}.txt")
    card.get_by_role("link", name="and 2 more spectra").click()
    expect(page.locator(".result")).to_have_count(33)


def test_warnings_stand_on_the_results_at_once_and_after_a_reload(page: Page, desk: Desk, tmp_path: Path) -> None:
    at_rest = (Path(__file__).parents[1] / "cases" / "frame_specsys.fits").read_bytes()
    (tmp_path / "SN2026hh.fits").write_bytes(at_rest)
    (tmp_path / "manifest.csv").write_text("file,redshift\nSN2026hh.fits,0.03\ngone.txt,0.1\n")
    upload(page, desk, tmp_path / "SN2026hh.fits", tmp_path / "manifest.csv")
    remark, card = page.locator(".result", has_text="gone.txt"), page.locator(".result", has_text="SN2026hh.fits")
    for _ in range(2):
        expect(remark).to_contain_text("1 row describes a file that is not here: gone.txt.")
        expect(card).to_contain_text("Stated, not read from the file: redshift 0.03")
        expect(card.locator(".warn")).to_contain_text(["rest frame"])
        page.reload()


def test_a_manifest_alone_asks_for_the_files_that_it_describes(page: Page, desk: Desk, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("file,redshift\nSN2026hi.txt,0.03\n")
    upload(page, desk, manifest)
    expect(page.locator("#chosen")).to_contain_text("choose the files that it describes too")
    page.set_input_files("#files", [manifest, *files(tmp_path / "night", "SN2026hi.txt", seed=150)])
    page.click("#send")
    expect(page.locator(".result")).to_contain_text("Stated, not read from the file: redshift 0.03")
