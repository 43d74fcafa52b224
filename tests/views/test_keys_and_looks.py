"""Keys, looks and phones: the pages in a real browser, on a desk with its demo night."""

from __future__ import annotations

import base64
import io
import itertools
import zipfile

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import eventually, open_first, wait_for_spectrum, watched
from tests.desk import Desk
from tests.factories import spectrum_file

pytestmark = pytest.mark.browser

ADDRESSES = ("", "?state=all", "upload/", "vetted/", "quarantine/", "account/tokens/", "api/docs/", "admin/")
# Holds back the page's first answer with the numbers of the queue until the test lets it come.
FIRST_NUMBERS_COME_LATE = """
const send = window.fetch;
window.fetch = async (address, options) => {
    const answer = await send(address, options);
    if (!address.includes("queue/counts") || window.late) return answer;
    window.late = {numbers: await answer.json()};
    await new Promise((come) => { window.late.come = come; });
    return {ok: true, redirected: false, json: async () => window.late.numbers};
};
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_logs_an_error_and_all_take_the_theme_of_the_system(page: Page, desk: Desk, theme: str) -> None:
    errors = watched(page)
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    for address in ADDRESSES:
        page.goto(desk.url + address, wait_until="networkidle")
        if address != "admin/":
            assert page.evaluate("document.documentElement.dataset.theme") == theme
        if address == "api/docs/":
            assert page.evaluate("document.documentElement.classList.contains('dark-mode')") == (theme == "dark")
    open_first(page, desk)
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


@pytest.mark.parametrize("width", [390, 641, 820, 861, 1000])
def test_each_page_is_in_sight_as_a_tab_or_in_the_menu(page: Page, desk: Desk, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(desk.url)
    tabs = page.locator(".tabs")
    assert tabs.evaluate("(tabs) => tabs.scrollWidth <= tabs.clientWidth")
    page.click(".menu > summary")
    for name in ("Queue", "Tonight", "Upload", "Vetted", "Quarantine", "SkyPortal"):
        expect(
            page.locator(f".tabs a:text-is('{name}'):visible, .all-pages a:text-is('{name}'):visible").first
        ).to_be_visible()


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


def test_keys_move_through_the_rows(page: Page, desk: Desk) -> None:
    desk.wait_until_classified()  # an earlier test may just have uploaded spectra
    page.goto(desk.url)
    expect(page.locator(".row").nth(1)).to_be_visible()
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


def test_fresh_rows_that_were_on_their_way_leave_the_reached_row_in_its_place(page: Page, desk: Desk) -> None:
    numbers = itertools.count(1)
    page.route("**/queue/counts/", lambda route: route.fulfill(json={"processing": next(numbers)}))

    def press_before_the_answer(route: Route) -> None:
        if "x-fragment" in route.request.headers:
            page.keyboard.press("j")
        route.continue_()

    page.route(desk.url, press_before_the_answer)
    with page.expect_response(lambda answer: "x-fragment" in answer.request.headers) as fresh:
        page.goto(desk.url)
    fresh.value.finished()
    page.keyboard.press("j")
    name = page.locator(".row").nth(1).locator("strong").inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text(name)


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


def test_the_first_visit_has_hints_until_they_are_dismissed(page: Page, desk: Desk) -> None:
    page.goto(desk.url)
    hints = page.locator("#hints")
    expect(hints).to_contain_text("lists them all")
    hints.get_by_role("button").click()
    expect(hints).to_be_hidden()
    page.reload()
    page.wait_for_selector(".row")
    expect(hints).to_be_hidden()


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


def test_a_number_from_before_a_decision_is_not_shown_after_it(page: Page, desk: Desk) -> None:
    open_first(page, desk)
    page.add_init_script(FIRST_NUMBERS_COME_LATE)
    page.reload()
    wait_for_spectrum(page)
    eventually(page, "Boolean(window.late)")
    left = page.evaluate("late.numbers.pending") - 1
    page.keyboard.press("u")
    expect(page.locator("#messages .message.success")).to_be_visible()
    expect(page.locator("#left")).to_have_text(f"{left} left")
    page.evaluate("late.come()")
    wait_for_spectrum(page)
    name = page.locator("h1").inner_text()
    page.keyboard.press("n")
    expect(page.locator("h1")).not_to_have_text(name)
    expect(page.locator("#left")).to_have_text(f"{left} left")
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
