"""Several people at one desk, each in a browser of their own: claims, a blind second opinion, a dispute settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser import chromium, log_in, watched
from tests.desk import Desk, running

pytestmark = pytest.mark.browser

PASSWORD = "a long password"
PEOPLE = ("ada", "ben", "cleo")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running(tmp_path_factory.mktemp("desk")) as started:
        started.wait_until_classified()
        with chromium() as page:
            log_in(page, started.url, started.user, started.password)
            for name in PEOPLE:
                page.goto(f"{started.url}admin/auth/user/add/")
                page.fill("[name=username]", name)
                page.fill("[name=password1]", PASSWORD)
                page.fill("[name=password2]", PASSWORD)
                page.click("[name=_save]")
                page.wait_for_url("**/change/")
        yield started


@pytest.fixture
def people(desk: Desk) -> Iterator[Callable[[str], Page]]:
    """Opens a browser profile in which somebody is signed in."""
    with chromium() as first:
        browser = first.context.browser
        assert browser is not None

        def sign_in(name: str) -> Page:
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            page.set_default_timeout(20_000)
            log_in(page, desk.url, name, PASSWORD if name in PEOPLE else desk.password)
            return page

        yield sign_in
        for context in browser.contexts:
            if context is not first.context:
                context.close()


def set_policy(page: Page, desk: Desk, below: str) -> None:
    page.goto(f"{desk.url}policies/")
    page.locator("section", has_text="Public spectra").locator("summary").click()
    page.fill("[name=below]", below)
    page.click("text=Change the policy")
    expect(page.locator(".message.success")).to_contain_text("from now on")


def look_at(page: Page, desk: Desk, name: str, query: str = "") -> None:
    page.goto(f"{desk.url}transients/{quote(name)}/{query}")
    page.wait_for_selector("#plot[data-drawn]")


def first_waiting(page: Page, desk: Desk) -> str:
    page.goto(desk.url)
    return page.locator(".row strong").first.inner_text()


def vote(page: Page, class_name: str) -> None:
    page.keyboard.press("o")
    page.keyboard.type(class_name)
    expect(page.locator("#palette [role=option]").first).to_have_attribute("data-name", class_name)
    page.keyboard.press("Enter")


def test_a_second_browser_is_told_cannot_decide_and_can_take_over(desk: Desk, people: Callable[[str], Page]) -> None:
    ada, ben = people("ada"), people("ben")
    name = first_waiting(ada, desk)
    look_at(ada, desk, name)
    ben.goto(desk.url)
    expect(ben.locator(".row", has_text=name)).to_contain_text("ada is looking")
    look_at(ben, desk, name)
    expect(ben.locator("#claim")).to_contain_text("ada has been looking at this")
    ben.fill("textarea[name=comment]", "mine")
    ben.locator("textarea[name=comment]").blur()
    expect(ben.locator("[data-key=c]")).to_be_disabled()
    expect(ben.locator(".held-words")).to_be_visible()
    for key in "cub1o":
        ben.keyboard.press(key)
    expect(ben.locator("#palette")).to_be_hidden()
    ben.click("text=Take over")
    expect(ben.locator("#claim")).not_to_contain_text("ada")
    expect(ben.locator("[data-key=c]")).to_be_enabled()
    expect(ben.locator(".held-words")).to_be_hidden()
    expect(ben.locator("h1")).to_contain_text(name)
    expect(ben.locator("textarea[name=comment]")).to_have_value("mine")
    ada.keyboard.press("u")
    expect(ada.locator(".message.error")).to_contain_text("ben has been looking")
    expect(ada.locator("[data-key=c]")).to_be_disabled()
    ben.keyboard.press("u")
    expect(ben.locator(".message.success")).to_contain_text(f"{name}: unsure")


def test_next_passes_over_what_somebody_has_open_and_leaving_gives_it_up(
    desk: Desk, people: Callable[[str], Page]
) -> None:
    ada, ben = people("ada"), people("ben")
    ada.goto(desk.url)
    rows = ada.locator(".row strong")
    first, second, third = (rows.nth(number).inner_text() for number in range(3))
    look_at(ada, desk, second)
    errors = watched(ben)
    look_at(ben, desk, first)
    ben.keyboard.press("n")
    expect(ben.locator("h1")).to_contain_text(third)
    # Its own page was fetched ahead and is claimed now that it is shown.
    watcher = people("cleo")
    watcher.goto(f"{desk.url}?state=in_review")
    expect(watcher.locator(".row", has_text=third)).to_contain_text("ben is looking")
    expect(watcher.locator(".row", has_text=second)).to_contain_text("ada is looking")
    ada.keyboard.press("q")
    ada.wait_for_selector(".row")
    watcher.reload()
    expect(watcher.locator(".row", has_text=second)).to_have_count(0)
    assert errors == []


def test_a_second_opinion_is_given_blind_and_one_that_agrees_is_done(desk: Desk, people: Callable[[str], Page]) -> None:
    staff, ada, ben = people(desk.user), people("ada"), people("ben")
    set_policy(staff, desk, "100")
    name = first_waiting(ada, desk)
    look_at(ada, desk, name)
    said = ada.locator(".verdict .chip").inner_text()
    ada.keyboard.press("c")
    expect(ada.locator(".message.success")).to_contain_text(name)
    errors = watched(ben)
    ben.goto(f"{desk.url}?state=second_opinion")
    expect(ben.locator(".row", has_text=name)).to_contain_text("given blind")
    ben.keyboard.press("Enter")
    ben.wait_for_selector("#plot[data-drawn]")
    expect(ben.locator(".side")).to_contain_text("A second opinion is wanted")
    expect(ben.locator(".verdict, .bars, .quick button, [data-key=c]")).to_have_count(0)
    expect(ben.locator(".ledger")).not_to_contain_text("ada")
    # The keys of what is hidden do nothing.
    for key in ("c", "1", "t"):
        ben.keyboard.press(key)
    expect(ben.locator("h1")).to_contain_text(name)
    vote(ben, said)
    expect(ben.locator(".message.success")).to_contain_text(name)
    look_at(ben, desk, name)
    expect(ben.locator(".facts")).to_contain_text("stands")
    expect(ben.locator(".ledger li").first).to_contain_text("blind")
    assert errors == []
    set_policy(staff, desk, "")


def test_two_different_votes_are_settled_by_a_third(desk: Desk, people: Callable[[str], Page]) -> None:
    staff, ada, ben, cleo = people(desk.user), people("ada"), people("ben"), people("cleo")
    set_policy(staff, desk, "100")
    name = first_waiting(ada, desk)
    look_at(ada, desk, name)
    vote(ada, "TDE")
    expect(ada.locator(".message.success")).to_contain_text(name)
    look_at(ben, desk, name)
    vote(ben, "LBV")
    expect(ben.locator(".message.success")).to_contain_text(name)
    look_at(ben, desk, name)
    expect(ben.locator(".round")).to_contain_text("A third reviewer, or staff, settles it")
    ben.goto(desk.url)
    cleo.goto(f"{desk.url}?state=disputed")
    expect(cleo.locator(".row", has_text=name)).to_contain_text("disputed")
    cleo.keyboard.press("Enter")
    cleo.wait_for_selector("#plot[data-drawn]")
    for word in ("ada says", "TDE", "ben says", "LBV", "Your verdict settles it"):
        expect(cleo.locator(".round")).to_contain_text(word)
    vote(cleo, "LBV")
    expect(cleo.locator(".message.success")).to_contain_text(f"{name}: overridden to LBV")
    cleo.goto(f"{desk.url}vetted/?class=LBV")
    expect(cleo.locator("tr", has_text=name)).to_contain_text("LBV")
    set_policy(staff, desk, "")


def test_the_dashboard_follows_the_night(desk: Desk, people: Callable[[str], Page]) -> None:
    ada, ben = people("ada"), people("ben")
    errors = watched(ada)

    def confirm(name: str) -> None:
        look_at(ben, desk, name)
        ben.keyboard.press("c")
        expect(ben.locator(".message.success")).to_contain_text(name)

    confirm(first_waiting(ben, desk))
    ada.goto(f"{desk.url}tonight/")
    ada.wait_for_selector(".night-plots[data-drawn]")
    version = ada.locator("[data-version]").get_attribute("data-version") or ""
    ada.evaluate("window.before = Bokeh.documents.length")
    confirm(first_waiting(ben, desk))
    ada.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(ada.locator("[data-version]")).not_to_have_attribute("data-version", version)
    expect(ada.locator(".night-plots")).not_to_have_attribute("data-drawn", version)
    # The same document, with no figure left over.
    assert ada.evaluate("window.before") == ada.evaluate("Bokeh.documents.length") == 2
    assert errors == []
