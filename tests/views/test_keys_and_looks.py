# The row of tabs fades out at its right edge.

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser import chromium, eventually, log_in, wait_for_spectrum, watched
from tests.desk import Desk, running
from tests.factories import spectrum_file

pytestmark = pytest.mark.browser

ADDRESSES = ("", "?state=all", "upload/", "vetted/", "quarantine/", "account/tokens/", "api/docs/", "admin/")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running(tmp_path_factory.mktemp("desk")) as started:
        started.wait_until_classified()
        yield started


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    with chromium() as opened:
        log_in(opened, desk.url, desk.user, desk.password)
        yield opened


def open_first(page: Page, desk: Desk) -> str:
    page.goto(desk.url)
    name = page.locator(".row strong").first.inner_text()
    page.locator(".row a").first.click()
    wait_for_spectrum(page)
    return name


@pytest.mark.parametrize("width", [1440, 720, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_logs_an_error_or_scrolls_sideways(page: Page, desk: Desk, width: int, theme: str) -> None:
    errors = watched(page)
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    for address in ADDRESSES:
        page.goto(desk.url + address, wait_until="networkidle")
        if not address.startswith(("api", "admin")):
            assert page.evaluate("document.documentElement.dataset.theme") == theme
            assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    open_first(page, desk)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert errors == []


@pytest.mark.parametrize("address", ["", "skyportal/", "skyportal/outbox/", "quarantine/", "vetted/"])
def test_on_a_phone_the_tabs_take_one_row_and_the_open_one_is_visible(page: Page, desk: Desk, address: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(desk.url + address)
    tabs, tab = page.locator(".tabs").bounding_box(), page.locator(".tabs [aria-current]").bounding_box()
    assert tabs is not None
    assert tab is not None
    assert tabs["x"] <= tab["x"]
    assert tab["x"] + tab["width"] <= tabs["x"] + tabs["width"] - 20  # where it fades out
    header = page.locator("header.bar").bounding_box()
    assert header is not None
    assert header["height"] < 50


def test_on_a_phone_the_queue_starts_near_the_top_with_its_filters_folded(page: Page, desk: Desk) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(desk.url)
    page.locator("#hints button").click()
    row = page.locator(".row").first.bounding_box()
    assert row is not None
    assert row["y"] < 170
    expect(page.locator(".filters [name=q]")).to_be_hidden()
    page.get_by_text("Filters", exact=True).click()
    page.fill(".filters [name=q]", "SIM")
    page.keyboard.press("Enter")
    expect(page.locator(".matched")).to_contain_text("match")
    page.set_viewport_size({"width": 1440, "height": 844})
    expect(page.locator(".filters [name=q]")).to_be_visible()


def test_the_theme_button_names_the_theme(page: Page, desk: Desk) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(desk.url)
    button = page.locator("#theme-toggle")
    expect(button).to_have_text("◐ Light")
    page.keyboard.press("d")
    expect(button).to_have_text("◐ Dark")
    expect(button).to_have_attribute("aria-label", "Theme: dark")


def test_the_bulk_button_counts_the_ticked_rows(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.url}queue/bulk/?threshold=50")
    rows, ticked = page.locator("[name=row]").count(), page.locator("[name=row]:checked").count()
    send = page.locator(".bulk-actions .primary")
    expect(send).to_have_text(f"Confirm {ticked}")
    page.get_by_role("button", name="All", exact=True).click()
    expect(send).to_have_text(f"Confirm {rows}")
    page.get_by_role("button", name="None", exact=True).click()
    expect(send).to_be_disabled()
    page.get_by_role("button", name="Sure ones").click()
    expect(send).to_have_text(f"Confirm {ticked}")


def test_dropped_files_are_listed_like_chosen_ones_and_their_spectra_are_counted(page: Page, desk: Desk) -> None:
    with io.BytesIO() as packed:
        with zipfile.ZipFile(packed, "w") as archive:
            for seed, letter in enumerate("xyz", start=900):
                archive.writestr(f"SN2026z{letter}.txt", spectrum_file(seed=seed))
        content = base64.b64encode(packed.getvalue()).decode()
    page.goto(f"{desk.url}upload/")
    page.evaluate(
        """content => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "night.zip"));
            data.items.add(new File(["clouds"], "log.txt"));
            document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
        }""",
        content,
    )
    expect(page.locator("#chosen")).to_contain_text("2 files chosen")
    expect(page.locator(".result")).to_have_count(0)
    page.click("#send")
    expect(page.locator(".summary-line")).to_contain_text("3 spectra of 1 file accepted, 1 file refused")
    expect(page.locator(".result").first).to_contain_text("log.txt")
    page.get_by_role("link", name="Review these").click()
    expect(page.locator(".matched")).to_be_visible()


def test_the_plot_can_be_zoomed_and_smoothed(page: Page, desk: Desk) -> None:
    errors = watched(page)
    open_first(page, desk)
    figure = "document.getElementById('plot').figure.plot"
    before = page.evaluate(f"{figure}.x_range.end - {figure}.x_range.start")
    box = page.locator("#plot").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 100, y - 40)
    page.mouse.down()
    page.mouse.move(x + 100, y + 40, steps=5)
    page.mouse.up()
    page.wait_for_function(f"{figure}.x_range.end - {figure}.x_range.start < {before / 2}")
    drawn = page.locator("#plot").get_attribute("data-drawn")
    page.keyboard.press("s")
    expect(page.locator('[data-plot="smooth"] b')).to_have_text("light")
    expect(page.locator("#plot")).not_to_have_attribute("data-drawn", drawn or "")
    # Changing what is drawn keeps the zoom, even if the figure is drawn again.
    drawn = page.locator("#plot").get_attribute("data-drawn")
    page.keyboard.press("t")
    expect(page.locator("#plot")).not_to_have_attribute("data-drawn", drawn or "")
    assert page.evaluate(f"{figure}.x_range.end - {figure}.x_range.start") < before / 2
    assert errors == []


def test_keys_move_through_the_rows(page: Page, desk: Desk) -> None:
    page.goto(desk.url)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_contain_text("move down and up the list")
    expect(page.locator("#help")).to_contain_text("confirm the proposed class")
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("j")
    name = page.locator(".row").nth(1).locator("strong").inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text(name)
    wait_for_spectrum(page)
    page.keyboard.press("n")
    expect(page.locator("h1")).not_to_contain_text(name)
    wait_for_spectrum(page)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()


def test_letters_typed_into_a_comment_record_no_decision(page: Page, desk: Desk) -> None:
    name = open_first(page, desk)
    page.click("textarea[name=comment]")
    page.keyboard.type("curb")
    assert name in page.locator("h1").inner_text()
    # The typed text is still there after a reload.
    page.reload()
    expect(page.locator("textarea[name=comment]")).to_have_value("curb")


def test_one_key_chooses_the_next_likely_class(page: Page, desk: Desk) -> None:
    name = open_first(page, desk)
    second = page.locator(".quick [data-class]").first.get_attribute("data-class")
    page.keyboard.press("1")
    expect(page.locator("#messages .message.success")).to_contain_text(f"{name}: overridden to {second}")
    page.keyboard.press("z")
    expect(page.locator("#messages .message.info")).to_contain_text("undone")


def test_the_palette_starts_at_the_most_probable_other_class(page: Page, desk: Desk) -> None:
    open_first(page, desk)
    own = page.locator(".verdict .chip").inner_text()
    likeliest = page.locator(".quick [data-class]").first.get_attribute("data-class") or ""
    page.keyboard.press("o")
    marked = page.locator("#palette [aria-selected=true]")
    expect(marked).to_have_attribute("data-name", likeliest)
    page.keyboard.type(own)
    expect(marked).to_have_attribute("data-name", own)


def test_on_a_phone_the_prediction_is_above_the_plot_and_three_buttons_are_below(page: Page, desk: Desk) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_first(page, desk)
    glance, plot = page.locator(".glance").bounding_box(), page.locator("#plot").bounding_box()
    assert glance is not None
    assert plot is not None
    assert glance["y"] + glance["height"] <= plot["y"]
    expect(page.locator(".glance")).to_contain_text(page.locator(".verdict .chip").inner_text())
    expect(page.locator(".decide-main button:visible")).to_have_count(3)
    expect(page.locator("[data-key=u]")).to_be_hidden()
    page.click("[data-more]")
    expect(page.locator("[data-key=u]")).to_be_visible()
    expect(page.locator("[data-key=b]")).to_be_visible()
    page.click("[data-palette]")
    expect(page.locator("#palette")).to_be_visible()


def test_lines_are_drawn_only_with_a_redshift(page: Page, desk: Desk) -> None:
    open_first(page, desk)
    marked = "document.getElementById('plot').figure.named('lines').data.x.length"
    page.evaluate("document.getElementById('plot').figure.about.redshift = null")
    page.fill("#plot-z", "")
    lines = page.locator("[data-plot=lines]")
    expect(lines).to_be_disabled()
    expect(lines).to_contain_text("needs z")
    assert page.evaluate(marked) == 0
    page.fill("#plot-z", "0.02")
    expect(lines).to_be_enabled()
    # Only the lines of the class are drawn until others are chosen.
    few = page.evaluate(marked)
    page.click(".line-sets summary")
    places = "[...document.getElementById('plot').figure.named('lines').data.x]"
    before = page.evaluate(places)
    page.check("[name=set][value=nebular]")
    assert 0 < few < page.evaluate(marked)
    page.uncheck("[name=set][value=nebular]")
    assert page.evaluate(marked) == few
    # Each set has a velocity of its own, and the names tell the rest wavelengths.
    page.fill("[data-velocity=class]", "10000")
    assert all(after < at for after, at in zip(page.evaluate(places), before, strict=False))
    page.check("[name=element][value='He II']")
    names = page.evaluate("[...document.getElementById('plot').figure.named('lines').data.text]")
    assert "He II 4686" in names
    page.check("[name=sky]")
    assert 5577.3 in page.evaluate(places)
    page.uncheck("[name=telluric]")
    assert page.evaluate("document.getElementById('plot').figure.named('telluric 0').visible") is False


def test_a_finger_on_the_figure_scrolls_the_page_of_a_phone(page: Page, desk: Desk) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_first(page, desk)
    box = page.locator("#plot").bounding_box()
    assert box is not None
    assert box["height"] <= 844 / 2 + 20
    touch = page.context.new_cdp_session(page)
    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    start = box["y"] + 250
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": 200, "y": start}]})
    for step in range(1, 11):
        at = {"x": 200, "y": start - 20 * step}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [at]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    eventually(page, "window.scrollY > 100")
    figure = "document.getElementById('plot').figure"
    assert page.evaluate(f"{figure}.range.start === {figure}.whole[0]")


def test_the_first_visit_has_hints_until_they_are_dismissed(page: Page, desk: Desk) -> None:
    page.goto(desk.url)
    hints = page.locator("#hints")
    expect(hints).to_contain_text("lists them all")
    hints.get_by_role("button").click()
    expect(hints).to_be_hidden()
    page.reload()
    page.wait_for_selector(".row")
    expect(hints).to_be_hidden()


def test_a_link_holds_the_redshift_the_zoom_and_the_lines_and_a_table_says_how_it_was_made(
    page: Page, desk: Desk
) -> None:
    open_first(page, desk)
    figure = "document.getElementById('plot').figure"
    page.fill("#plot-z", "0.0456")
    page.click(".line-sets summary")
    page.check("[name=set][value=nebular]")
    page.evaluate(f"{figure}.range.setv({{start: 5000, end: 6500}})")
    page.wait_for_timeout(400)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: {writeText: () => Promise.reject()}})")
    page.click("[data-plot=link]")
    expect(page.locator(".hint-message")).to_contain_text("address bar")
    address = page.url
    with page.expect_download() as download:
        page.click("[data-plot=csv]")
    lines = download.value.path().read_text().splitlines()
    assert lines[0].startswith("# SIM")
    assert "smoothing:" in lines[2]
    assert len(lines) > 100
    page.goto(desk.url)
    page.goto(address)
    wait_for_spectrum(page)
    expect(page.locator("#plot-z")).to_have_value("0.04560")
    assert page.evaluate(f"[{figure}.range.start, {figure}.range.end]") == [5000, 6500]
    assert page.is_checked("[name=set][value=nebular]")
    assert "#" not in page.url


def test_a_zoom_onto_nothing_springs_back(page: Page, desk: Desk) -> None:
    open_first(page, desk)
    figure = "document.getElementById('plot').figure"
    whole = page.evaluate(f"[{figure}.range.start, {figure}.range.end]")
    page.evaluate(f"{figure}.range.setv({{start: 20000, end: 21000}})")
    eventually(page, f"{figure}.range.start === {whole[0]} && {figure}.range.end === {whole[1]}")
    page.evaluate(f"{figure}.range.setv({{start: 5000, end: 6000}})")
    page.wait_for_timeout(400)
    assert page.evaluate(f"{figure}.range.start") == 5000


def test_the_message_after_a_decision_does_not_move_the_page(page: Page, desk: Desk) -> None:
    open_first(page, desk)
    left = int(page.locator("#left:not([hidden])").inner_text().split()[0])
    before = page.locator(".review-head").bounding_box()
    page.keyboard.press("u")
    expect(page.locator("#messages .message.success")).to_be_visible()
    wait_for_spectrum(page)
    assert page.locator(".review-head").bounding_box()["y"] == before["y"]  # type: ignore[index]
    expect(page.locator("#left")).to_have_text(f"{left - 1} left")
    page.keyboard.press("z")
    expect(page.locator("#messages .message.info")).to_contain_text("undone")


def test_a_file_that_is_dropped_gets_a_receipt_and_a_class(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.url}upload/")
    content = spectrum_file("SN Ia", seed=77, OBJECT="field_7_b [A]").decode()
    page.evaluate(
        """content => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([content], "AT2026drop_20261101.txt"));
            const options = {dataTransfer: transfer, bubbles: true, cancelable: true};
            document.getElementById("drop").dispatchEvent(new DragEvent("drop", options));
        }""",
        content,
    )
    page.get_by_role("button", name="Upload 1 file").click()
    card = page.locator("#results .result")
    expect(card.locator(".receipt summary")).to_contain_text("rows")
    card.locator(".receipt summary").click()
    expect(card.locator(".receipt")).to_contain_text("object: field_7_b (the header")
    expect(card).to_contain_text("%", timeout=20_000)
