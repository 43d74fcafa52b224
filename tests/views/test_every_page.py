"""Widths, messages, filters, sorted tables and print of the pages, in a real browser on a desk with full lists."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from matplotlib.image import imread
from playwright.sync_api import Page, expect

from tests.browser import chromium, log_in, wait_for_spectrum, watched
from tests.desk import Desk
from tests.views.pages import NAME, OF_A_TRANSIENT, PAGES, furnish

pytestmark = pytest.mark.browser

REVIEW = f"transients/{NAME}/"


@pytest.fixture(scope="module")
def page(desk: Desk) -> Iterator[Page]:
    with chromium() as opened:
        log_in(opened, desk.url, desk.user, desk.password)
        furnish(desk, opened)
        yield opened


def size(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844 if width < 500 else 900})


def box(page: Page, selector: str) -> dict[str, float]:
    """Return the place of an element on the screen."""
    found = page.locator(selector).first.bounding_box()
    assert found is not None, selector
    return dict(found)  # type: ignore[call-overload]


def overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    apart = (
        one["x"] + one["width"] <= other["x"]
        or other["x"] + other["width"] <= one["x"]
        or one["y"] + one["height"] <= other["y"]
        or other["y"] + other["height"] <= one["y"]
    )
    return not apart


@pytest.mark.parametrize("width", [1440, 720, 390])
def test_no_page_is_wider_than_the_screen(page: Page, desk: Desk, width: int) -> None:
    errors = watched(page)
    size(page, width)
    receipt = f"spectra/{desk.get('spectra/?state=classified')['results'][0]['id']}/"
    wide = {}
    for address in (*PAGES, *(REVIEW + part for part in OF_A_TRANSIENT), receipt):
        page.goto(desk.url + address)
        if address == REVIEW:
            wait_for_spectrum(page)
        for details in page.locator("main details").all():
            details.evaluate("element => { element.open = true; }")
        if (needed := page.evaluate("document.documentElement.scrollWidth")) > width:
            wide[address] = needed
    assert wide == {}
    assert errors == []


# What can be pressed and is lower than 24 px. The label of a tick is pressed with it.
LOW = """() => [...document.querySelectorAll("a[href], button, summary, input:not([type=hidden]), select, textarea")]
    .filter((one) => one.checkVisibility({visibilityProperty: true}) && !one.closest(".visually-hidden, .skip"))
    .filter((one) => (one.closest("label:has([type=checkbox])") ?? one).getBoundingClientRect().height < 23.9)
    .map((one) => one.outerHTML.slice(0, 120))"""


def test_on_a_phone_all_that_is_pressed_is_24_pixels_high(page: Page, desk: Desk) -> None:
    size(page, 390)
    receipt = f"spectra/{desk.get('spectra/?state=classified')['results'][0]['id']}/"
    low = {}
    for address in (*PAGES, *(REVIEW + part for part in OF_A_TRANSIENT), receipt):
        page.goto(desk.url + address)
        if address == REVIEW:
            wait_for_spectrum(page)
        if found := page.evaluate(LOW):
            low[address] = found
    assert low == {}


@pytest.mark.parametrize("width", [1440, 720, 390])
def test_good_news_covers_nothing_of_the_review_page(page: Page, desk: Desk, width: int) -> None:
    size(page, width)
    page.goto(f"{desk.url}{REVIEW}")
    wait_for_spectrum(page)
    page.keyboard.press("u")
    expect(page.locator("#messages .message.success")).to_contain_text(f"{NAME}: unsure")
    wait_for_spectrum(page)
    message = box(page, "#messages .message")
    for part in ("h1", "#plot", ".step", ".decide-main", ".override input"):
        assert not overlap(message, box(page, part)), part
    page.keyboard.press("z")
    expect(page.locator("#messages .message.info")).to_contain_text("undone")


@pytest.mark.parametrize("width", [1440, 390])
def test_bad_news_stands_above_the_review_page(page: Page, desk: Desk, width: int) -> None:
    size(page, width)
    page.goto(f"{desk.url}{REVIEW}")
    wait_for_spectrum(page)
    page.route("**/decide/**", lambda route: route.abort())
    page.keyboard.press("u")
    expect(page.locator("#messages .message.error")).to_contain_text("nothing was recorded")
    page.unroute("**/decide/**")
    message = box(page, "#messages .message.error")
    assert message["y"] + message["height"] <= box(page, "h1")["y"]


def test_a_message_about_a_setting_stands_above_the_setting(page: Page, desk: Desk) -> None:
    for width in (1440, 390):
        size(page, width)
        page.goto(f"{desk.url}account/notifications/")
        page.get_by_role("button", name="Save", exact=True).click()
        message = box(page, "#messages .message")
        assert message["y"] + message["height"] <= box(page, ".settings-nav")["y"]


def test_the_filters_of_the_queue_take_one_row_and_fold_on_a_phone(page: Page, desk: Desk) -> None:
    size(page, 1440)
    page.goto(desk.url)
    row = box(page, ".desk-row")
    assert row["height"] < 45
    for part in (
        ".filters [name=class]",
        ".filters [name=q]",
        ".more-filters summary",
        ".save-view summary",
        ".bulk-link",
    ):
        assert overlap(row, box(page, part)), part
    size(page, 390)
    page.reload()
    fold = page.locator(".filter-fold")
    assert box(page, ".filter-fold")["height"] < 30
    expect(page.locator(".bulk-link")).to_be_hidden()
    fold.locator("summary").first.click()
    expect(page.locator(".bulk-link")).to_be_visible()
    expect(page.locator(".save-view summary")).to_be_visible()
    expect(page.locator(".filters [name=q]")).to_be_visible()


def test_a_heading_sorts_a_table_and_turns_its_order_round(page: Page, desk: Desk) -> None:
    size(page, 1440)
    page.goto(f"{desk.url}account/tokens/")
    purposes = ("beta 10", "Alpha", "beta 9")
    for purpose in purposes:
        page.fill("[name=label]", purpose)
        page.click("button.primary")
        expect(page.locator("table")).to_contain_text(purpose)
    names = page.locator("tbody td:first-child")
    heading = page.get_by_role("button", name="Purpose", exact=True)
    heading.click()
    assert [name for name in names.all_inner_texts() if name in purposes] == ["Alpha", "beta 9", "beta 10"]
    expect(page.locator("th").first).to_have_attribute("aria-sort", "ascending")
    heading.click()
    assert [name for name in names.all_inner_texts() if name in purposes] == ["beta 10", "beta 9", "Alpha"]
    expect(page.locator("th [aria-sort]")).to_have_count(0)
    expect(page.locator("th").last.locator("button")).to_have_count(0)


@pytest.mark.parametrize("address", [REVIEW, "tonight/?since=all", ""])
def test_a_page_is_printed_in_light_colours_from_the_dark_theme(page: Page, desk: Desk, address: str) -> None:
    size(page, 1440)
    page.emulate_media(color_scheme="dark")
    page.goto(desk.url + address)
    if address == REVIEW:
        wait_for_spectrum(page)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert brightness(page) < 0.3
    page.emulate_media(color_scheme="dark", media="print")
    assert brightness(page) > 0.85
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    page.emulate_media(color_scheme="light", media="screen")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_printed_figure_stands_on_white(page: Page, desk: Desk, theme: str) -> None:
    size(page, 1440)
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.goto(desk.url + REVIEW)
    wait_for_spectrum(page)
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light", media="print")
    expect(page.locator("#plot .bk-Canvas").first).to_be_visible()
    expect(page.locator("#plot .bk-Toolbar").first).to_be_hidden()
    corner = imread(io.BytesIO(page.locator("#plot").screenshot()))[4:8, 4:8, :3]
    page.emulate_media(color_scheme="light", media="screen")
    assert corner.min() > 0.99


def brightness(page: Page) -> float:
    """Return the mean brightness of what the page shows, 0 to 1."""
    return float(imread(io.BytesIO(page.screenshot()))[..., :3].mean())
