"""A real Chromium for tests of pages, and a list of the errors that a page logs."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.desk import Desk

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
# A busy machine may take this long to answer; a test that passes never waits so long.
WAIT_MILLISECONDS = 60_000
expect.set_options(timeout=WAIT_MILLISECONDS)


@contextlib.contextmanager
def chromium(width: int = 1440, height: int = 900) -> Iterator[Page]:
    """Open a page in a fresh browser profile; skip the test if Chromium is not installed."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": width, "height": height})
        page = context.new_page()
        page.set_default_timeout(WAIT_MILLISECONDS)
        yield page
        context.close()
        browser.close()


def watched(page: Page) -> list[str]:
    """Return a list that fills with every error the page logs or throws from now on."""
    errors: list[str] = []
    page.on(
        "console",
        lambda message: errors.append(f"{message.text} {message.location}") if message.type == "error" else None,
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


def wait_for_spectrum(page: Page) -> None:
    """Wait until the review page shows its spectrum and takes verdicts."""
    page.wait_for_selector("#plot[data-drawn]")
    page.wait_for_selector("body:not(.unseen)")


def eventually(page: Page, expression: str) -> None:
    """Wait until an expression is true on the page. Playwright's own way is forbidden by the page's CSP."""
    for _ in range(WAIT_MILLISECONDS // 100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never true: {expression}")


def log_in(page: Page, url: str, user: str, password: str) -> None:
    """Sign in through the login form."""
    page.goto(url)
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", password)
    page.click("button.primary")
    page.wait_for_selector("header.bar")


def open_first(page: Page, desk: Desk) -> str:
    """Open the first transient of the queue and return its name."""
    page.goto(desk.url)
    name = page.locator(".row strong").first.inner_text()
    page.locator(".row a").first.click()
    wait_for_spectrum(page)
    return name
