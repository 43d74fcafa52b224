"""The key that draws the host's light and takes it off, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from classifier.simulation.spectra import INSTRUMENTS, simulate
from tests.browser import eventually, wait_for_spectrum, watched
from tests.desk import Desk, running
from tests.named_library import small_library
from tests.spectrum_files import text

pytestmark = pytest.mark.browser

FIGURE = "document.getElementById('plot').figure"
# Mean flux that is drawn, and what the legend says.
LEVEL = f"Array.from({FIGURE}.named('samples').data.y).reduce((sum, one, at, all) => sum + one / all.length, 0)"
LEGEND = f"({FIGURE}.plot.above.find((one) => one.items)?.items ?? []).map((item) => item.label.value)"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Start a desk that has a library and no spectra."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "var").mkdir()
    small_library(tmp_path_factory.mktemp("named")).save(folder / "var" / "library.safetensors")
    with running(folder, "--no-demo") as started:
        yield started


def send(page: Page, desk: Desk, name: str, class_name: str, share: float) -> None:
    """Send a simulated spectrum with a share of host light, and wait until it is classified."""
    random = np.random.default_rng(3)
    seen = simulate(
        class_name, random, redshift=0.05, instrument=INSTRUMENTS[1], signal_to_noise=30, host_fraction=share
    )
    content = text(np.asarray(seen.wavelength), np.asarray(seen.flux))
    answer = page.request.post(
        f"{desk.url}api/v1/spectra/",
        headers={"Authorization": f"Token {desk.token}"},
        multipart={
            "transient": name,
            "redshift": "0.05",
            "file": {"name": f"{name}.txt", "mimeType": "text/plain", "buffer": content},
        },
    )
    assert answer.status == 202
    desk.wait_until_classified()


def open_transient(page: Page, desk: Desk, name: str) -> None:
    page.goto(f"{desk.url}transients/{name}/")
    wait_for_spectrum(page)


def test_the_key_draws_the_host_then_takes_it_off_then_neither(page: Page, desk: Desk) -> None:
    errors = watched(page)
    send(page, desk, "SN2026host", "SN Ia", 0.5)
    open_transient(page, desk, "SN2026host")
    button, level = page.locator('[data-plot="host"]'), page.evaluate(LEVEL)
    share = page.locator(".host-light b").inner_text().split(" ±")[0]
    expect(button).to_contain_text("Host: not drawn")
    page.keyboard.press("h")
    expect(button).to_contain_text("Host: drawn")
    eventually(page, f"{LEGEND}.includes('host, {share} of the light')")
    assert page.evaluate(LEVEL) == pytest.approx(level)
    page.keyboard.press("h")
    expect(button).to_contain_text("Host: taken off")
    eventually(page, f"{LEGEND}.includes('this spectrum without its host ({share} of the light)')")
    assert page.evaluate(LEVEL) < 0.8 * level
    page.keyboard.press("h")
    expect(button).to_contain_text("Host: not drawn")
    eventually(page, f"{LEGEND}.length === 0")
    assert page.evaluate(LEVEL) == pytest.approx(level)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_contain_text("the host’s light drawn, then taken off")
    assert errors == []


def test_a_click_classifies_without_the_host_and_another_one_with_it_again(page: Page, desk: Desk) -> None:
    send(page, desk, "SN2026again", "SN II", 0.5)
    open_transient(page, desk, "SN2026again")
    share = page.locator(".host-light b").inner_text().split(" ±")[0]
    page.get_by_role("button", name="Classify without the host").click()
    expect(page.locator(".verdict .tag")).to_have_text(f"without {share} host light")
    page.keyboard.press("h")
    expect(page.locator(".hint-message")).to_contain_text("taken off this reading already")
    page.get_by_role("button", name="Classify with the host again").click()
    expect(page.get_by_role("button", name="Classify without the host")).to_be_visible()
    expect(page.locator(".verdict .tag")).to_have_count(0)


def test_where_no_share_is_told_the_key_says_so(page: Page, desk: Desk) -> None:
    send(page, desk, "SN2026none", "Star", 0.0)
    open_transient(page, desk, "SN2026none")
    expect(page.locator('[data-plot="host"]')).to_have_count(0)
    page.keyboard.press("h")
    expect(page.locator(".hint-message")).to_contain_text("No share of host light is told here")
