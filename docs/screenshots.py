"""Take the screenshots of the documentation: python docs/screenshots.py OUT, with the desk running (make run)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

SIZES = {"1440": (1440, 900), "390": (390, 844)}
PAGES = {
    "queue": "",
    "upload": "upload/",
    "vetted": "vetted/",
    "quarantine": "quarantine/",
    "tokens": "account/tokens/",
}


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    desk = json.loads(Path("var/demo.json").read_text())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for theme in ("light", "dark"):
            for size, (width, height) in SIZES.items():
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
                take(context.new_page(), desk, out, f"{size}_{theme}")
                context.close()
        browser.close()


def take(page: Page, desk: dict[str, str], out: Path, suffix: str) -> None:
    page.goto(desk["url"])
    page.screenshot(path=out / f"login_{suffix}.png")
    page.fill("[name=username]", desk["user"])
    page.fill("[name=password]", desk["password"])
    page.click("button.primary")
    page.wait_for_selector(".row")
    for name, address in PAGES.items():
        page.goto(desk["url"] + address)
        page.wait_for_timeout(400)
        page.screenshot(path=out / f"{name}_{suffix}.png", full_page=name != "queue")
    page.goto(desk["url"])
    page.locator(".row a").nth(2).click()
    page.wait_for_selector("#plot[data-drawn]")
    page.wait_for_timeout(500)
    page.screenshot(path=out / f"review_{suffix}.png", full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
