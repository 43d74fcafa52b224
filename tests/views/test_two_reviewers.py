"""Several reviewers at one desk, each in a separate browser: claims, blind second opinions and a dispute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser import WAIT_MILLISECONDS, chromium, log_in, wait_for_spectrum, watched
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
            page.goto(f"{started.url}account/groups/")
            page.fill("[name=name]", "ePESSTO")
            page.fill("[name=managers]", ", ".join(PEOPLE))
            page.locator("form", has=page.locator("[name=managers]")).get_by_role("button").click()
            page.wait_for_url("**/account/groups/*/")
        yield started


@pytest.fixture
def people(desk: Desk) -> Iterator[Callable[[str], Page]]:
    """Open a browser profile of its own for each name, signed in under that name."""
    with chromium() as first:
        browser = first.context.browser
        assert browser is not None

        def sign_in(name: str) -> Page:
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            page.set_default_timeout(WAIT_MILLISECONDS)
            log_in(page, desk.url, name, PASSWORD if name in PEOPLE else desk.password)
            return page

        yield sign_in
        for context in browser.contexts:
            if context is not first.context:
                context.close()


@pytest.fixture
def every_decision_needs_a_second_opinion(desk: Desk, people: Callable[[str], Page]) -> Iterator[None]:
    """Ask for a second opinion on every decision about a public spectrum until the test ends, passed or failed."""
    staff = people(desk.user)
    try:
        set_policy(staff, desk, "100")
        yield
    finally:
        set_policy(staff, desk, "")


def set_policy(page: Page, desk: Desk, below: str) -> None:
    page.goto(f"{desk.url}policies/")
    page.locator("section", has_text="Public spectra").locator("summary").click()
    page.fill("[name=below]", below)
    page.click("text=Change the policy")
    expect(page.locator(".message.success")).to_contain_text("from now on")


def look_at(page: Page, desk: Desk, name: str, query: str = "") -> None:
    page.goto(f"{desk.url}transients/{quote(name)}/{query}")
    wait_for_spectrum(page)


def first_waiting(page: Page, desk: Desk, count: int = 1) -> list[str]:
    """Return the names of the first transients in the queue that nobody else is looking at.

    A browser that closed at the end of an earlier test may have left its claim on a transient.
    """
    page.goto(desk.url)
    # All at once, because fresh rows may take their place between two questions.
    names = page.locator(".row").filter(has_not_text="is looking").locator("strong").all_inner_texts()
    return names[:count]


def vote(page: Page, class_name: str) -> None:
    page.keyboard.press("o")
    page.keyboard.type(class_name)
    expect(page.locator("#palette [role=option]").first).to_have_attribute("data-name", class_name)
    page.keyboard.press("Enter")


def test_a_second_reviewer_sees_the_claim_cannot_decide_and_can_take_over(
    desk: Desk, people: Callable[[str], Page]
) -> None:
    ada, ben = people("ada"), people("ben")
    [name] = first_waiting(ada, desk)
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
    expect(ben.locator(".hint-message")).to_contain_text("that key did nothing")
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


def test_next_skips_claimed_transients_and_leaving_a_page_releases_the_claim(
    desk: Desk, people: Callable[[str], Page]
) -> None:
    ada, ben = people("ada"), people("ben")
    first, second, third = first_waiting(ada, desk, 3)
    look_at(ada, desk, second)
    errors = watched(ben)
    look_at(ben, desk, first)
    ben.keyboard.press("n")
    expect(ben.locator("h1")).to_contain_text(third)
    # The third page was fetched ahead; it is claimed only now that it is shown.
    watcher = people("cleo")
    watcher.goto(f"{desk.url}?state=in_review")
    expect(watcher.locator(".row", has_text=third)).to_contain_text("ben is looking")
    expect(watcher.locator(".row", has_text=second)).to_contain_text("ada is looking")
    ada.keyboard.press("q")
    ada.wait_for_selector(".row")
    watcher.reload()
    expect(watcher.locator(".row", has_text=second)).to_have_count(0)
    assert errors == []


@pytest.mark.usefixtures("every_decision_needs_a_second_opinion")
def test_a_second_opinion_is_blind_and_agreement_completes_the_review(
    desk: Desk, people: Callable[[str], Page]
) -> None:
    ada, ben = people("ada"), people("ben")
    [name] = first_waiting(ada, desk)
    look_at(ada, desk, name)
    said = ada.locator(".verdict .chip").inner_text()
    ada.keyboard.press("c")
    expect(ada.locator(".message.success")).to_contain_text(name)
    errors = watched(ben)
    ben.goto(f"{desk.url}?state=second_opinion")
    expect(ben.locator(".row", has_text=name)).to_contain_text("given blind")
    ben.keyboard.press("Enter")
    wait_for_spectrum(ben)
    expect(ben.locator(".side")).to_contain_text("A second opinion is wanted")
    expect(ben.locator(".verdict, .bars, .quick button, [data-key=c]")).to_have_count(0)
    expect(ben.locator(".ledger")).not_to_contain_text("ada")
    # The keys of hidden controls do nothing but say why.
    for key in ("c", "1", "t"):
        ben.keyboard.press(key)
    expect(ben.locator(".hint-message")).to_contain_text("Your own vote is wanted first")
    expect(ben.locator("h1")).to_contain_text(name)
    vote(ben, said)
    expect(ben.locator(".message.success")).to_contain_text(name)
    look_at(ben, desk, name)
    expect(ben.locator(".facts")).to_contain_text("decision: ")
    expect(ben.locator(".ledger li").first).to_contain_text("blind")
    assert errors == []


@pytest.mark.usefixtures("every_decision_needs_a_second_opinion")
def test_two_different_votes_are_settled_by_a_third(desk: Desk, people: Callable[[str], Page]) -> None:
    ada, ben, cleo = people("ada"), people("ben"), people("cleo")
    [name] = first_waiting(ada, desk)
    look_at(ada, desk, name)
    vote(ada, "TDE")
    expect(ada.locator(".message.success")).to_contain_text(name)
    look_at(ben, desk, name)
    vote(ben, "LBV")
    expect(ben.locator(".message.success")).to_contain_text(name)
    look_at(ben, desk, name)
    expect(ben.locator(".round")).to_contain_text("A third reviewer or staff must settle it")
    ben.goto(desk.url)
    cleo.goto(f"{desk.url}?state=disputed")
    expect(cleo.locator(".row", has_text=name)).to_contain_text("disputed")
    cleo.keyboard.press("Enter")
    wait_for_spectrum(cleo)
    for word in ("ada says", "TDE", "ben says", "LBV", "Your verdict settles it"):
        expect(cleo.locator(".round")).to_contain_text(word)
    vote(cleo, "LBV")
    expect(cleo.locator(".message.success")).to_contain_text(f"{name}: overridden to LBV")
    cleo.goto(f"{desk.url}vetted/?class=LBV")
    expect(cleo.locator("tr", has_text=name)).to_contain_text("LBV")


def test_the_dashboard_follows_the_night(desk: Desk, people: Callable[[str], Page]) -> None:
    ada, ben = people("ada"), people("ben")
    errors = watched(ada)

    def confirm(name: str) -> None:
        look_at(ben, desk, name)
        ben.keyboard.press("c")
        expect(ben.locator(".message.success")).to_contain_text(name)

    confirm(*first_waiting(ben, desk))
    ada.goto(f"{desk.url}tonight/")
    ada.wait_for_selector(".night-plots[data-drawn]")
    version = ada.locator("[data-version]").get_attribute("data-version") or ""
    ada.evaluate("window.before = Bokeh.documents.length")
    confirm(*first_waiting(ben, desk))
    ada.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(ada.locator("[data-version]")).not_to_have_attribute("data-version", version)
    expect(ada.locator(".night-plots")).not_to_have_attribute("data-drawn", version)
    # The page keeps its two figures, and none is left over.
    assert ada.evaluate("window.before") == ada.evaluate("Bokeh.documents.length") == 2
    assert errors == []


def comment(page: Page, text: str) -> None:
    page.keyboard.press("w")
    page.keyboard.type(text)
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator(".comments li").last).to_contain_text(text.split("@")[-1])


def test_a_mention_written_by_keys_reaches_the_inbox_of_the_other_reviewer(
    desk: Desk, people: Callable[[str], Page]
) -> None:
    ada, ben = people("ada"), people("ben")
    errors = [watched(page) for page in (ada, ben)]
    name = first_waiting(ben, desk)[0]
    look_at(ben, desk, name)
    comment(ben, "Narrow lines: from the host?")
    ben.goto(f"{desk.url}upload/")
    look_at(ada, desk, name)
    expect(ada.locator(".comments ol")).to_be_hidden()
    ada.keyboard.press("w")
    ada.keyboard.type("They are broad, @b")
    expect(ada.get_by_role("button", name="@ben")).to_be_visible()
    ada.keyboard.press("Tab")
    ada.keyboard.press("Enter")
    ada.keyboard.type("look")
    # A draft outlives a reload.
    ada.reload()
    ada.keyboard.press("w")
    expect(ada.locator(".comments textarea")).to_have_value("They are broad, @ben look")
    ada.get_by_role("button", name="Comment", exact=True).click()
    expect(ada.locator(".comments li").last.locator("b").last).to_have_text("@ben")
    expect(ada.locator(".comments textarea")).to_have_value("")
    ben.goto(f"{desk.url}inbox/")
    expect(ben.locator("summary .unread")).to_have_text("1")
    ben.locator(".inbox tr", has_text="ada mentions you").get_by_role("link").click()
    expect(ben.locator(".comments li").last).to_be_in_viewport()
    expect(ben.locator("summary .unread")).to_have_count(0)
    ben.goto(f"{desk.url}inbox/")
    expect(ben.locator(".inbox .unread-row")).to_have_count(0)
    ada.get_by_role("link", name="Queue q").click()
    assert errors == [[], []]


def test_names_are_offered_in_the_comment_of_a_verdict(desk: Desk, people: Callable[[str], Page]) -> None:
    ada = people("ada")
    errors = watched(ada)
    look_at(ada, desk, first_waiting(ada, desk)[0])
    ada.keyboard.press("m")
    ada.keyboard.type("Is that He I, @B")
    expect(ada.locator("#decide").get_by_role("button", name="@ben")).to_be_visible()
    ada.keyboard.press("Tab")
    ada.keyboard.press("Enter")
    ada.keyboard.type("?")
    expect(ada.locator("#decide textarea")).to_have_value("Is that He I, @ben ?")
    ada.get_by_role("link", name="Queue q").click()
    assert errors == []
