"""The figure of the review page and its tools, in a real browser."""

from __future__ import annotations

import re

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from classifier.lines import SKY, in_vacuum
from tests.browser import eventually, open_first, wait_for_spectrum, watched
from tests.desk import Desk

pytestmark = pytest.mark.browser


def test_the_plot_can_be_zoomed_and_smoothed(page: Page, desk: Desk) -> None:
    errors = watched(page)
    open_first(page, desk)
    figure = "document.getElementById('plot').figure.plot"
    before = page.evaluate(f"{figure}.x_range.end - {figure}.x_range.start")
    box = page.locator("#plot").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 100, y - 40)
    page.mouse.down()
    page.mouse.move(x + 100, y + 40, steps=5)
    page.mouse.up()
    page.wait_for_function(f"{figure}.x_range.end - {figure}.x_range.start < {before / 2}")
    drawn = page.locator("#plot").get_attribute("data-drawn")
    page.keyboard.press("s")
    expect(page.locator('[data-plot="smooth"] b')).to_have_text("light")
    expect(page.locator("#plot")).not_to_have_attribute("data-drawn", drawn or "")
    # Changing what is drawn keeps the zoom, even if the figure is drawn again.
    drawn = page.locator("#plot").get_attribute("data-drawn")
    over = page.locator('[data-plot="template"] b')
    expect(over).to_have_text("nothing")
    page.keyboard.press("t")
    expect(page.locator("#plot")).not_to_have_attribute("data-drawn", drawn or "")
    expect(over).to_contain_text("template")
    assert page.evaluate(f"{figure}.x_range.end - {figure}.x_range.start") < before / 2
    assert errors == []


def test_lines_are_drawn_only_with_a_redshift(page: Page, desk: Desk) -> None:
    open_first(page, desk)
    marked = "document.getElementById('plot').figure.named('lines').data.x.length"
    page.evaluate("document.getElementById('plot').figure.about.redshift = null")
    page.fill("#plot-z", "")
    lines = page.locator("[data-plot=lines]")
    expect(lines).to_be_disabled()
    expect(lines).to_contain_text("needs z")
    assert page.evaluate(marked) == 0
    page.fill("#plot-z", "0.02")
    expect(lines).to_be_enabled()
    # Only the lines of the class are drawn until others are chosen.
    few = page.evaluate(marked)
    page.click(".line-sets summary")
    places = "[...document.getElementById('plot').figure.named('lines').data.x]"
    before = page.evaluate(places)
    page.check("[name=set][value=nebular]")
    assert 0 < few < page.evaluate(marked)
    page.uncheck("[name=set][value=nebular]")
    assert page.evaluate(marked) == few
    # Each set has a velocity of its own, and the names tell the rest wavelengths.
    page.fill("[data-velocity=class]", "10000")
    assert all(after < at for after, at in zip(page.evaluate(places), before, strict=False))
    page.check("[name=element][value='He II']")
    names = page.evaluate("[...document.getElementById('plot').figure.named('lines').data.text]")
    assert "He II 4686" in names
    page.check("[name=sky]")
    assert 5577.3 in page.evaluate(places)
    page.uncheck("[name=telluric]")
    assert page.evaluate("document.getElementById('plot').figure.named('telluric 0').visible") is False


def test_in_a_spectrum_in_vacuum_all_lines_are_drawn_at_their_wavelengths_in_vacuum(page: Page, desk: Desk) -> None:
    open_first(page, desk)
    lines = "document.getElementById('plot').figure.named('lines').data"
    page.fill("#plot-z", "0.02")
    page.click(".line-sets summary")
    page.check("[name=set][value=host]")
    page.fill("#plot-own", "6000 mine")
    page.check("[name=sky]")
    in_air, names = page.evaluate(f"[...{lines}.x]"), page.evaluate(f"[...{lines}.text]")
    assert {6120.0, 5577.3, 6694.056} <= {round(at, 6) for at in in_air}
    page.evaluate("document.getElementById('plot').figure.about.vacuum = true")
    # The lines follow as the redshift is set again.
    page.fill("#plot-z", "0.020000")
    sky = {at for at, _ in SKY}
    expected = [in_vacuum(at) if at in sky else 1.02 * in_vacuum(at / 1.02) for at in in_air]
    assert page.evaluate(f"[...{lines}.x]") == pytest.approx(expected, abs=1e-6)
    assert page.evaluate(f"[...{lines}.text]") == names


def test_a_late_spectrum_marks_nebular_lines_until_the_reviewer_chooses(page: Page, desk: Desk) -> None:
    def late(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('data-nebular=""', 'data-nebular="1"'))

    page.route(re.compile(r"/transients/[^/]+/?(\?|$)"), late)
    open_first(page, desk)
    page.fill("#plot-z", "0.02")
    names = "document.getElementById('plot').figure.named('lines').data.text.join()"
    box = page.locator("[name=set][value=nebular]")
    expect(box).to_be_checked()
    assert "[Ca II]" in page.evaluate(names)
    page.click(".line-sets summary")
    box.uncheck()
    assert "[Ca II]" not in page.evaluate(names)
    page.keyboard.press("n")
    wait_for_spectrum(page)
    expect(page.locator("[name=set][value=nebular]")).not_to_be_checked()


def test_a_finger_on_the_figure_scrolls_the_page_of_a_phone(page: Page, desk: Desk) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_first(page, desk)
    box = page.locator("#plot").bounding_box()
    assert box is not None
    assert box["height"] <= 844 / 2 + 20
    touch = page.context.new_cdp_session(page)
    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    start = box["y"] + 250
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": 200, "y": start}]})
    for step in range(1, 11):
        at = {"x": 200, "y": start - 20 * step}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [at]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    eventually(page, "window.scrollY > 100")
    figure = "document.getElementById('plot').figure"
    assert page.evaluate(f"{figure}.range.start === {figure}.whole[0]")


def test_a_link_holds_the_redshift_the_zoom_and_the_lines_and_a_table_says_how_it_was_made(
    page: Page, desk: Desk
) -> None:
    open_first(page, desk)
    figure = "document.getElementById('plot').figure"
    page.fill("#plot-z", "0.0456")
    page.click(".line-sets summary")
    page.check("[name=set][value=nebular]")
    page.evaluate(f"{figure}.range.setv({{start: 5000, end: 6500}})")
    page.wait_for_timeout(400)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: {writeText: () => Promise.reject()}})")
    page.click("[data-plot=link]")
    expect(page.locator(".hint-message")).to_contain_text("address bar")
    address = page.url
    with page.expect_download() as download:
        page.click("[data-plot=csv]")
    lines = download.value.path().read_text().splitlines()
    assert lines[0].startswith("# SIM")
    assert "smoothing:" in lines[2]
    assert len(lines) > 100
    page.goto(desk.url)
    page.goto(address)
    wait_for_spectrum(page)
    expect(page.locator("#plot-z")).to_have_value("0.04560")
    assert page.evaluate(f"[{figure}.range.start, {figure}.range.end]") == [5000, 6500]
    assert page.is_checked("[name=set][value=nebular]")
    assert "#" not in page.url


def test_a_zoom_onto_nothing_springs_back(page: Page, desk: Desk) -> None:
    open_first(page, desk)
    figure = "document.getElementById('plot').figure"
    whole = page.evaluate(f"[{figure}.range.start, {figure}.range.end]")
    page.evaluate(f"{figure}.range.setv({{start: 20000, end: 21000}})")
    eventually(page, f"{figure}.range.start === {whole[0]} && {figure}.range.end === {whole[1]}")
    page.evaluate(f"{figure}.range.setv({{start: 5000, end: 6000}})")
    page.wait_for_timeout(400)
    assert page.evaluate(f"{figure}.range.start") == 5000


def test_a_drag_measures_a_line_whose_numbers_can_be_kept_with_the_comment(page: Page, desk: Desk) -> None:
    errors = watched(page)
    open_first(page, desk)
    figure = "document.getElementById('plot').figure"
    whole = page.evaluate(f"[{figure}.range.start, {figure}.range.end]")
    page.fill("#plot-z", "0.01")
    page.locator("#plot-z").blur()
    page.keyboard.press("v")
    box = page.locator("#plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 400, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 520, box["y"] + 200, steps=5)
    page.mouse.up()
    measured = page.locator("#measured")
    expect(measured).to_contain_text("Å, ")
    expect(measured.locator("option").first).to_contain_text("km/s")
    assert page.evaluate(f"[{figure}.range.start, {figure}.range.end]") == whole
    measured.get_by_role("button", name="add to the comment").click()
    comment = page.locator("#decide [name=comment]")
    assert "km/s: " in comment.input_value()
    assert " Å" in comment.input_value()
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("v")
    expect(measured).to_be_hidden()
    assert errors == []


def test_measuring_a_line_ends_with_the_page(page: Page, desk: Desk) -> None:
    open_first(page, desk)
    name = page.locator("h1").inner_text()
    button, words = page.locator("[data-plot=measure]"), page.locator("[data-drag]")
    figure = "document.getElementById('plot').figure"
    for key in ("n", "p"):
        page.keyboard.press("v")
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(words).to_contain_text("v ends it")
        page.keyboard.press(key)
        (expect(page.locator("h1")).not_to_have_text if key == "n" else expect(page.locator("h1")).to_have_text)(name)
        wait_for_spectrum(page)
        expect(button).to_have_attribute("aria-pressed", "false")
        expect(words).to_have_text("drag to zoom")
        assert page.evaluate(f"{figure}.plot.toolbar.active_drag.type") == "BoxZoomTool"


def test_names_of_lines_make_room_for_each_other_when_the_window_becomes_narrower(page: Page, desk: Desk) -> None:
    open_first(page, desk)
    page.fill("#plot-z", "0.01")
    page.locator("#plot-z").blur()
    page.evaluate(
        """() => {
            for (const set of ["host", "flash", "nebular"]) {
                const box = document.querySelector(`.line-sets [name=set][value=${set}]`);
                box.checked = true;
                box.dispatchEvent(new Event("input", {bubbles: true}));
            }
        }"""
    )
    nearest = """(() => {
        const {plot, range, named} = document.getElementById("plot").figure;
        const {x, y, text} = named("lines").data;
        const shown = [...x.keys()].filter((at) => text[at]);
        const gaps = shown.flatMap((one) => shown.filter((other) => other > one && y[other] === y[one])
            .map((other) => (x[other] - x[one]) * plot.inner_width / (range.end - range.start)));
        return [plot.inner_width, Math.min(...gaps)];
    })()"""
    wide, gap = page.evaluate(nearest)
    assert gap >= 17
    page.set_viewport_size({"width": 1090, "height": 900})
    eventually(page, f"{nearest}[0] < {0.8 * wide} && {nearest}[1] >= 17")


def test_the_flux_axis_shows_the_flux_its_ratio_to_the_continuum_or_its_logarithm(page: Page, desk: Desk) -> None:
    errors = watched(page)
    open_first(page, desk)
    samples = "[...document.getElementById('plot').figure.named('samples').data.y].filter(Number.isFinite)"
    drawn = page.locator("#plot")
    levels = {}
    for words in ("over continuum", "logarithmic", "as measured"):
        before = drawn.get_attribute("data-drawn") or ""
        page.keyboard.press("f")
        expect(page.locator('[data-plot="flux"] b')).to_have_text(words)
        expect(drawn).not_to_have_attribute("data-drawn", before)
        values = sorted(page.evaluate(samples))
        levels[words] = values[len(values) // 2]
    assert 0.9 < levels["over continuum"] < 1.1
    assert abs(10 ** levels["logarithmic"] - levels["as measured"]) < 0.05
    assert errors == []


def test_a_downloaded_picture_says_what_it_shows(page: Page, desk: Desk) -> None:
    name = open_first(page, desk)
    page.fill("#plot-z", "0.0123")
    page.click(".line-sets summary")
    page.evaluate(
        """() => {
            const { up, views } = document.getElementById("plot").figure;
            const [root] = views.roots;
            const draw = root.export.bind(root);
            window.ends = [up.end];
            root.export = (kind) => { window.ends.push(up.end); return draw(kind); };
        }"""
    )
    with page.expect_download() as download:
        page.click("[data-plot=svg]")
    picture = download.value.path().read_text()
    # The title has room above the highest peak in the picture, and the page is as it was.
    shown, drawn = page.evaluate("window.ends")
    assert drawn > shown
    assert page.evaluate("document.getElementById('plot').figure.up.end") == shown
    assert name in picture
    assert "z = 0.0123" in picture
    assert "%" in picture


def test_noisy_ends_are_left_out_until_somebody_asks_for_them(page: Page, desk: Desk) -> None:
    errors = watched(page)
    open_first(page, desk)
    button = page.get_by_role("button", name="Noisy ends")
    expect(button).to_be_hidden()
    wavelength, random = np.arange(3500.0, 9500.0, 4.0), np.random.default_rng(1)
    flux = 1 + 0.2 * np.sin(wavelength / 150) + random.normal(0, np.where(wavelength < 4300, 5, 0.02))
    rows = "\n".join(f"{at} {value}" for at, value in zip(wavelength, flux, strict=True)).encode()
    sent = httpx.post(
        f"{desk.url}api/v1/spectra/",
        headers={"Authorization": f"Token {desk.token}"},
        data={"transient": "SN 2026end"},
        files={"file": ("noisy.txt", rows)},
        timeout=60,
        trust_env=False,
    )
    sent.raise_for_status()
    desk.wait_until_classified()
    page.goto(f"{desk.url}transients/SN 2026end/?state=all")
    wait_for_spectrum(page)
    first = "document.getElementById('plot').figure.range.start"
    assert 4000 < page.evaluate(first) < 4400
    button.click()
    assert page.evaluate(first) <= 3500
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    assert page.evaluate(first) > 4000
    assert errors == []


def test_keys_work_while_the_slider_that_was_just_moved_has_the_focus(page: Page, desk: Desk) -> None:
    open_first(page, desk)
    slider = page.locator("#plot-z-slider")
    slider.focus()
    before = page.input_value("#plot-z")
    page.keyboard.press("ArrowRight")
    assert page.input_value("#plot-z") != before
    measure = page.locator("[data-plot=measure]")
    expect(measure).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("v")
    expect(measure).to_have_attribute("aria-pressed", "true")
    expect(slider).to_be_focused()


def test_a_redshift_with_a_decimal_comma_is_that_redshift(page: Page, desk: Desk) -> None:
    open_first(page, desk)
    page.keyboard.press("r")
    page.keyboard.type("0,031")
    page.get_by_role("button", name="to plot").click()
    expect(page.locator("#plot-z")).to_have_value("0.03100")
    page.focus("#plot-z")
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("0,05")
    expect(page.locator("#plot-z")).to_have_value("0.05")


def test_an_epoch_below_that_is_steeper_is_not_cut_off(page: Page, desk: Desk) -> None:
    wavelength = np.arange(3800.0, 9000.0, 5.0)
    rows = {"flat": 1 + 0.05 * np.sin(wavelength / 300), "steep": 1 - (wavelength - 6400) / 4000}
    headers, ids = {"Authorization": f"Token {desk.token}"}, {}
    with httpx.Client(base_url=f"{desk.url}api/v1/", headers=headers, timeout=60, trust_env=False) as api:
        for day, (name, flux) in enumerate(rows.items()):
            content = "\n".join(f"{at:.1f} {value:.5f}" for at, value in zip(wavelength, flux, strict=True))
            stated = {"transient": "AT2026steep", "observed_at": f"2026-03-{20 - day}T00:00:00Z"}
            answer = api.post("spectra/", data=stated, files={"file": (f"{name}.txt", content)})
            ids[name] = answer.raise_for_status().json()["id"]
    desk.wait_until_classified()
    page.goto(f"{desk.url}transients/AT2026steep/?spectrum={ids['flat']}")
    wait_for_spectrum(page)
    page.keyboard.press("e")
    eventually(page, "document.getElementById('plot').figure?.others.length === 1")
    red_end, bottom = page.evaluate(
        """(() => {
            const {others, up} = document.getElementById("plot").figure;
            return [others[0].source.data.y.at(-40), up.start];
        })()"""
    )
    assert bottom < red_end
