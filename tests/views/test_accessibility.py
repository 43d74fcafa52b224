"""axe-core finds no serious fault on any page, in either theme."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser import chromium, log_in, wait_for_spectrum, watched
from tests.desk import Desk, running

pytestmark = pytest.mark.browser

PAGES = (
    "",
    "?state=all&above=50&instrument=S",
    "queue/bulk/?threshold=50",
    "tonight/",
    "night/digest/",
    "agreement/",
    "policies/",
    "policies/automatic/",
    "inbox/",
    "account/",
    "account/notifications/",
    "upload/",
    "vetted/",
    "quarantine/",
    "skyportal/",
    "skyportal/add/",
    "skyportal/outbox/",
    "tns/",
    "account/tokens/",
    "account/webhooks/",
)
OF_A_TRANSIENT = ("", "photometry/", "twins/", "tns/")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running(tmp_path_factory.mktemp("desk")) as started:
        started.wait_until_classified()
        yield started


@pytest.fixture(scope="module")
def page(desk: Desk) -> Iterator[Page]:
    with chromium() as opened:
        log_in(opened, desk.url, desk.user, desk.password)
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


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_serious_fault(page: Page, desk: Desk, theme: str) -> None:
    errors = watched(page)
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.goto(desk.url)
    page.locator(".row a").first.click()
    wait_for_spectrum(page)
    transient = page.url.split("?")[0]
    # Only a vetted transient has a TNS report.
    page.keyboard.press("c")
    expect(page.locator(".message.success")).to_contain_text("confirmed")
    faults = {}
    for address in [desk.url + path for path in PAGES] + [transient + path for path in OF_A_TRANSIENT]:
        page.goto(address, wait_until="networkidle")
        faults[address] = serious(page)
    page.goto(transient)
    wait_for_spectrum(page)
    for details in page.locator("details").all():
        details.evaluate("element => { element.open = true; }")
    faults["everything unfolded"] = serious(page)
    page.keyboard.press("o")
    faults["palette"] = serious(page)
    assert {address: found for address, found in faults.items() if found} == {}
    assert errors == []
