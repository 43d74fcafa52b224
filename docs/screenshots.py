"""Take the screenshots of the documentation: python docs/screenshots.py OUT, with the desk running (make run)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

SIZES = {"1440": (1440, 900), "390": (390, 844)}
PAGES = {
    "queue": "",
    "tonight": "tonight/",
    "digest": "night/digest/",
    "bulk": "queue/bulk/?threshold=80",
    "agreement": "agreement/",
    "policies": "policies/",
    "automatic": "policies/automatic/",
    "upload": "upload/",
    "vetted": "vetted/",
    "quarantine": "quarantine/",
    "skyportal": "skyportal/",
    "tns": "tns/",
    "account": "account/",
    "tokens": "account/tokens/",
    "webhooks": "account/webhooks/",
}
# Pages of the transient whose review page is taken too.
OF_A_TRANSIENT = {"photometry": "photometry/", "twins": "twins/"}
CURVE = "mjd,filter,mag,error\n" + "".join(
    f"{60000 + 3 * day},{name},{18 + 0.004 * (day - 5) ** 2 * slope + offset:.2f},0.06\n"
    for day in range(14)
    for name, slope, offset in (("g", 6, 0.1), ("r", 4, 0.0), ("i", 3, 0.2))
)


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
    for picture in out.glob("*.png"):
        Image.open(picture).convert("RGB").quantize(256).save(picture, optimize=True)


def take(page: Page, desk: dict[str, str], out: Path, suffix: str) -> None:
    page.goto(desk["url"])
    page.screenshot(path=out / f"login_{suffix}.png")
    page.fill("[name=username]", desk["user"])
    page.fill("[name=password]", desk["password"])
    page.click("button.primary")
    page.wait_for_selector(".row")
    for name, address in PAGES.items():
        page.goto(desk["url"] + address, wait_until="networkidle")
        page.screenshot(path=out / f"{name}_{suffix}.png")
    page.goto(desk["url"])
    page.locator(".row a").nth(2).click()
    page.wait_for_selector("#plot[data-drawn]")
    transient = page.url.split("?")[0]
    page.goto(f"{transient}photometry/")
    if not page.locator(".list").count():
        curve = {"name": "curve.csv", "mimeType": "text/csv", "buffer": CURVE.encode()}
        page.set_input_files("[name=file]", curve)
        page.click("button.primary")
        page.wait_for_selector("#photometry[data-drawn]")
    for name, address in OF_A_TRANSIENT.items():
        page.goto(transient + address, wait_until="networkidle")
        page.screenshot(path=out / f"{name}_{suffix}.png")
    page.goto(transient)
    page.wait_for_selector("#photometry[data-drawn]")
    page.wait_for_selector("#lookalikes[data-loaded]")
    page.wait_for_timeout(300)
    page.screenshot(path=out / f"review_{suffix}.png", full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
