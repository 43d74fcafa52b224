"""A reviewer works through the queue with keys only, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser import wait_for_spectrum, watched
from tests.desk import Desk

pytestmark = pytest.mark.browser

# Time from a key press to the next spectrum on the screen; it is generous for a machine busy with other tests.
MOST_MS = 1500


def open_first(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".row")
    page.keyboard.press("Enter")
    wait_for_spectrum(page)


def test_twenty_spectra_can_be_vetted_without_reloading_the_page(page: Page, desk: Desk) -> None:
    errors = watched(page)
    open_first(page, desk.url)
    page.evaluate("window.sameDocument = true")
    times = []
    for _ in range(20):
        name = page.locator("h1").inner_text()
        # While the reviewer looks, the next spectrum is drawn out of sight.
        page.wait_for_selector(".stage[data-drawn]", state="attached")
        page.wait_for_selector("body:not(.unseen)")
        times.append(
            page.evaluate(
                """name => new Promise((resolve) => {
                    const started = performance.now();
                    document.addEventListener("plotdrawn", () => resolve(performance.now() - started), {once: true});
                    document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "c", bubbles: true}));
                })""",
                name,
            )
        )
        expect(page.locator("#messages .message.success")).to_contain_text(name.split()[0])
        expect(page.locator("h1")).not_to_have_text(name)
    print(f"key to next spectrum: median {sorted(times)[10]:.0f} ms, slowest {max(times):.0f} ms")
    assert sorted(times)[10] < MOST_MS
    assert page.evaluate("window.sameDocument")
    # One spectrum is shown and one is drawn ahead.
    assert page.evaluate("Bokeh.documents.length") <= 2
    assert errors == []
    page.keyboard.press("z")
    expect(page.locator("#messages .message.info")).to_contain_text("undone")


def test_a_verdict_in_the_first_moment_of_a_spectrum_is_dropped_and_said_so(page: Page, desk: Desk) -> None:
    open_first(page, desk.url)
    names = [page.locator("h1").inner_text()]
    page.wait_for_selector(".stage[data-drawn]", state="attached")
    # Two taps of one key, the second as soon as the next spectrum is drawn.
    page.evaluate(
        """() => new Promise((resolve) => {
            const tap = () => document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "c", bubbles: true}));
            document.addEventListener("plotdrawn", () => queueMicrotask(() => { tap(); resolve(); }), {once: true});
            tap();
        })"""
    )
    expect(page.locator(".hint-message")).to_contain_text("dropped")
    expect(page.locator("#messages .message.success")).to_contain_text(names[0].split()[0])
    names.append(page.locator("h1").inner_text())
    wait_for_spectrum(page)
    assert page.locator("h1").inner_text() == names[1] != names[0]
    page.keyboard.press("c")
    expect(page.locator("#messages .message.success")).to_contain_text(names[1].split()[0])


@pytest.mark.parametrize("after", [0, 250])
def test_a_key_that_a_busy_browser_hands_over_late_counts_for_the_moment_of_pressing(
    page: Page, desk: Desk, after: int
) -> None:
    open_first(page, desk.url)
    first = page.locator("h1").inner_text()
    page.wait_for_selector(".stage[data-drawn]", state="attached")
    page.evaluate(
        """(after) => new Promise((resolve) => {
            const key = () => new KeyboardEvent("keydown", {key: "c", bubbles: true});
            document.addEventListener("plotdrawn", () => {
                const pressed = key();
                Object.defineProperty(pressed, "timeStamp", {value: performance.now() + after});
                setTimeout(() => { document.body.dispatchEvent(pressed); resolve(); }, 700);
            }, {once: true});
            document.body.dispatchEvent(key());
        })""",
        after,
    )
    expect(page.locator(".hint-message")).to_contain_text("dropped")
    expect(page.locator("#messages .message.success")).to_contain_text(first.split()[0])
    assert page.locator("h1").inner_text() != first


def test_the_first_moment_of_a_spectrum_begins_when_its_frame_is_painted(page: Page, desk: Desk) -> None:
    open_first(page, desk.url)
    first = page.locator("h1").inner_text()
    page.wait_for_selector(".stage[data-drawn]", state="attached")
    # The frame that shows the next spectrum takes longer than the moment lasts, and a key is pressed right after it.
    page.evaluate(
        """() => new Promise((resolve) => {
            const key = () => new KeyboardEvent("keydown", {key: "c", bubbles: true});
            document.addEventListener("plotdrawn", () => requestAnimationFrame((start) => {
                while (performance.now() < start + 600);
                const pressed = key();
                Object.defineProperty(pressed, "timeStamp", {value: performance.now()});
                setTimeout(() => { document.body.dispatchEvent(pressed); resolve(); }, 700);
            }), {once: true});
            document.body.dispatchEvent(key());
        })"""
    )
    expect(page.locator(".hint-message")).to_contain_text("dropped")
    expect(page.locator("#messages .message.success")).to_contain_text(first.split()[0])
    assert page.locator("h1").inner_text() != first


def test_redshift_and_comment_have_keys_and_the_redshift_moves_between_form_and_plot(page: Page, desk: Desk) -> None:
    open_first(page, desk.url)
    name = page.locator("h1").inner_text()
    for field in ("input[name=redshift]", "textarea[name=comment]"):
        box = page.locator(field).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900
    page.keyboard.press("r")
    page.keyboard.type("0.0321")
    page.keyboard.press("Enter")
    page.keyboard.press("m")
    page.keyboard.type("broad lines")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === document.body")
    page.click("[data-show-z]")
    expect(page.locator("#plot-z")).to_have_value("0.03210")
    page.fill("#plot-z", "0.04")
    page.click("[data-take-z]")
    expect(page.locator("input[name=redshift]")).to_have_value("0.04000")
    page.keyboard.press("u")
    expect(page.locator("#messages .message.success")).to_contain_text(name.split()[0])
    row = desk.get(f"transients/{name.split()[0]}/")["decisions"][0]
    assert (row["redshift"], row["comment"]) == (0.04, "broad lines")


def test_the_search_finds_any_transient_and_any_page_by_keys(page: Page, desk: Desk) -> None:
    errors = watched(page)
    page.goto(desk.url + "upload/")
    page.keyboard.press("Control+k")
    page.keyboard.type("sim26ab")
    first = page.locator("#search-hits [role=option]").first
    expect(first).to_contain_text("SIM26ab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/transients/SIM26ab/")
    page.keyboard.press("/")
    page.keyboard.type("vett")
    expect(page.locator("#search-hits [aria-selected=true]")).to_contain_text("Vetted")
    page.keyboard.press("Enter")
    page.wait_for_url("**/vetted/")
    assert errors == []


def test_the_filter_is_kept_from_transient_to_transient_and_back(page: Page, desk: Desk) -> None:
    open_first(page, desk.url + "?state=all&q=a")
    for _ in range(3):
        name = page.locator("h1").inner_text()
        page.keyboard.press("n")
        expect(page.locator("h1")).not_to_have_text(name)
        assert "state=all&q=a" in page.url
    page.go_back()
    expect(page.locator("h1")).to_have_text(name)
    wait_for_spectrum(page)
    page.keyboard.press("q")
    page.wait_for_selector(".row")
    assert page.url == desk.url + "?state=all&q=a"


def test_an_unreachable_server_loses_no_input(page: Page, desk: Desk) -> None:
    open_first(page, desk.url)
    name = page.locator("h1").inner_text()
    page.fill("textarea[name=comment]", "a bump at 6000")
    page.locator("textarea[name=comment]").blur()
    page.context.set_offline(True)
    page.keyboard.press("u")
    expect(page.locator("#messages .message.error")).to_contain_text("nothing was recorded")
    page.context.set_offline(False)
    wait_for_spectrum(page)
    page.keyboard.press("u")
    expect(page.locator("#messages .message.success")).to_contain_text("unsure")
    expect(page.locator("h1")).not_to_have_text(name)
    expect(page.locator("textarea[name=comment]")).to_have_value("")


def test_a_typed_redshift_and_comment_wait_on_their_transient_until_the_decision_is_recorded(
    page: Page, desk: Desk
) -> None:
    open_first(page, desk.url + "?state=all")
    name = page.locator("h1").inner_text()
    redshift, comment = page.locator("#decide [name=redshift]"), page.locator("#decide [name=comment]")
    redshift.fill("0.0321")
    comment.fill("broad lines")
    comment.blur()
    page.keyboard.press("n")
    expect(page.locator("h1")).not_to_have_text(name)
    expect(redshift).to_have_value("")
    page.keyboard.press("p")
    expect(page.locator("h1")).to_have_text(name)
    expect(redshift).to_have_value("0.0321")
    expect(comment).to_have_value("broad lines")
    # The redshift of the plot is a draft too.
    wait_for_spectrum(page)
    page.fill("#plot-z", "0.04")
    page.click("[data-take-z]")
    page.reload()
    wait_for_spectrum(page)
    expect(redshift).to_have_value("0.04000")
    expect(comment).to_have_value("broad lines")
    page.keyboard.press("u")
    expect(page.locator("#messages .message.success")).to_contain_text(name.split()[0])
    page.goto(f"{desk.url}transients/{name.split()[0]}/")
    wait_for_spectrum(page)
    expect(redshift).to_have_value("")
    expect(comment).to_have_value("")


def test_after_an_expired_session_login_leads_back_to_the_page_with_the_draft(page: Page, desk: Desk) -> None:
    open_first(page, desk.url)
    name = page.locator("h1").inner_text()
    page.fill("textarea[name=comment]", "keep me")
    page.locator("textarea[name=comment]").blur()
    page.context.clear_cookies(name="sessionid")
    page.keyboard.press("u")
    page.fill("input[name=username]", desk.user)
    page.fill("input[name=password]", desk.password)
    page.click("button.primary")
    expect(page.locator("h1")).to_have_text(name)
    expect(page.locator("textarea[name=comment]")).to_have_value("keep me")


def test_a_class_is_found_by_a_few_letters_arrows_and_enter(page: Page, desk: Desk) -> None:
    errors = watched(page)
    open_first(page, desk.url)
    name = page.locator("h1").inner_text().split()[0]
    page.keyboard.press("o")
    options = page.locator("#palette [role=option]")
    expect(options).to_have_count(page.locator("#class-names option").count())
    page.keyboard.type("zq")
    expect(options).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator("#palette")).to_be_visible()
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    # An alias finds its class, and letters typed here record no decision.
    page.keyboard.type("quasar")
    expect(options).to_have_count(1)
    expect(options).to_contain_text("QSO")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    assert name in page.locator("h1").inner_text()
    page.keyboard.press("o")
    page.keyboard.type("ia")
    second = options.nth(1).get_attribute("data-name")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#messages .message.success")).to_contain_text(f"{name}: overridden to {second}")
    assert errors == []
