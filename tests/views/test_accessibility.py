"""axe-core finds no serious fault on any page, in either theme."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser import chromium, log_in, wait_for_spectrum, watched
from tests.desk import Desk
from tests.views.pages import NAME, OF_A_TRANSIENT, PAGES, furnish

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(desk: Desk) -> Iterator[Page]:
    with chromium() as opened:
        log_in(opened, desk.url, desk.user, desk.password)
        furnish(desk, opened)
        yield opened


def serious(page: Page) -> list[str]:
    """Return the faults that axe calls serious or critical: the rule and its elements."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['target']} {node['html'][:120]}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]


def measure_a_line(page: Page) -> None:
    """Drag over a stretch of the figure, and wait for the numbers."""
    page.keyboard.press("v")
    page.locator("#plot").scroll_into_view_if_needed()
    box = page.locator("#plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 400, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 520, box["y"] + 150, steps=5)
    page.mouse.up()
    expect(page.locator("#measured")).to_contain_text("Å")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_serious_fault(page: Page, desk: Desk, theme: str) -> None:
    errors = watched(page)
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.goto(f"{desk.url}transients/{NAME}/?state=all")
    wait_for_spectrum(page)
    transient = page.url.split("?")[0]
    # Only a vetted transient has a TNS report.
    page.keyboard.press("c")
    expect(page.locator(".message.success")).to_contain_text("Confirmed", ignore_case=True)
    faults = {}
    receipt = f"spectra/{desk.get('spectra/?state=classified')['results'][0]['id']}/"
    pages = [desk.url + path for path in (*PAGES, "search/", receipt)]
    for address in pages + [transient + path for path in (*OF_A_TRANSIENT, "tns/")]:
        page.goto(address, wait_until="networkidle")
        faults[address] = serious(page)
    page.goto(transient)
    wait_for_spectrum(page)
    for details in page.locator("details").all():
        details.evaluate("element => { element.open = true; }")
    assert page.locator(".epochs a").count() >= 4
    assert page.locator(".comments li").count() >= 2
    measure_a_line(page)
    faults["everything unfolded, a line measured"] = serious(page)
    page.keyboard.press("o")
    faults["palette"] = serious(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(desk.url)
    page.get_by_text("Menu", exact=True).click()
    expect(page.locator(".menu").get_by_role("link", name="Quarantine")).to_be_visible()
    faults["menu of a phone"] = serious(page)
    page.set_viewport_size({"width": 1440, "height": 900})
    assert {address: found for address, found in faults.items() if found} == {}
    assert errors == []
