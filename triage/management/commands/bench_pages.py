"""Bench of the pages: many transients, asked for over HTTP and walked through in a browser.

It prints a table of p50 and p95 in milliseconds. The desk has a database of its own, which is removed afterwards.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
import numpy as np
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from classifier.simulation.spectra import INSTRUMENTS, simulate
from classifier.taxonomy import load_taxonomy
from triage.intake.outline import outline
from triage.models import (
    Checkpoint,
    Original,
    Prediction,
    PredictionEvidence,
    Spectrum,
    SpectrumArrays,
    SpectrumState,
    Transient,
)
from triage.models.arrays import pack
from triage.queue import entries

CHUNK = 2000
# So many of the transients have samples; the others are there for the queue to be long.
DRAWN = 60
TOKEN = "b" * 32
CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
# From the key to the frame that shows the next spectrum.
KEY_TO_NEXT = """() => new Promise((resolve) => {
    const started = performance.now();
    const shown = () => requestAnimationFrame(() => resolve(performance.now() - started));
    document.addEventListener("plotdrawn", shown, {once: true});
    document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "c", bubbles: true}));
})"""


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--transients", type=int, default=1000)
        parser.add_argument("--requests", type=int, default=40)
        parser.add_argument("--look-ms", type=int, default=1500, help="how long the browser looks before a verdict")
        parser.add_argument("--no-browser", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["transients"] < DRAWN:
            raise CommandError(f"--transients is at least {DRAWN}")
        with tempfile.TemporaryDirectory() as folder, _database(Path(folder)) as url:
            started = time.monotonic()
            names = _fill(options["transients"])
            cookies = _cookies()
            vendor = connection.vendor
            self.stderr.write(f"{options['transients']} transients on {vendor} in {time.monotonic() - started:.0f} s")
            with _server(Path(folder), url) as address:
                self._row("", "p50 ms", "p95 ms", "bytes")
                for name, times, size in _over_http(address, cookies, names, options["requests"]):
                    self._times(name, times, size)
                if not options["no_browser"]:
                    times = _in_browser(address, cookies, options["look_ms"])
                    self._times("key to the next spectrum, in Chromium", times, None)

    def _times(self, name: str, seconds: Sequence[float], size: int | None) -> None:
        p50, p95 = (f"{1000 * np.percentile(seconds, share):.0f}" for share in (50, 95))
        self._row(name, p50, p95, "" if size is None else str(size))

    def _row(self, name: str, *cells: str) -> None:
        self.stdout.write(f"{name:<40}" + "".join(f"{cell:>10}" for cell in cells))


@contextlib.contextmanager
def _database(folder: Path) -> Iterator[str]:
    """Yield the DATABASE_URL of an empty database with all tables; "" stands for an SQLite file in ``folder``."""
    url = ""
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(folder / "db.sqlite3")
    old = connection.settings_dict["NAME"]
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    if connection.vendor != "sqlite":
        url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
    try:
        yield url
    finally:
        connection.close()
        connection.creation.destroy_test_db(old, verbosity=0)


def _fill(count: int) -> list[str]:
    """Fill the database with transients, each with a spectrum and a prediction; return the names that have arrays."""
    random = np.random.default_rng(5)
    trained = load_taxonomy().trained
    checkpoint = Checkpoint.objects.create(hash="b" * 64, name="bench", taxonomy_version="1", current=True)
    original = Original.objects.create(sha256="b" * 64, content=b"", size=0)
    drawn = [_simulated(random) for _ in range(DRAWN)]
    for start in range(0, count, CHUNK):
        numbers = range(start, min(start + CHUNK, count))
        transients = Transient.objects.bulk_create([Transient(name=f"BENCH{n:06d}") for n in numbers])
        spectra = Spectrum.objects.bulk_create(
            Spectrum(
                transient=transient,
                original=original,
                sha256=f"{number:064d}",
                filename=f"{number}.txt",
                state=SpectrumState.CLASSIFIED,
                outline=drawn[number % DRAWN][2],
                wavelength_min=3500.0,
                wavelength_max=9500.0,
            )
            for number, transient in zip(numbers, transients, strict=True)
        )
        chances = [random.dirichlet(np.full(len(trained), 0.15)) for _ in spectra]
        predictions = Prediction.objects.bulk_create(
            _prediction(spectrum, checkpoint, trained, p) for spectrum, p in zip(spectra, chances, strict=True)
        )
        for spectrum, prediction in zip(spectra, predictions, strict=True):
            spectrum.current_prediction = prediction
        Spectrum.objects.bulk_update(spectra, ["current_prediction"], batch_size=500)
    entries.rebuild()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return _with_samples(drawn, random)


def _simulated(random: np.random.Generator) -> tuple[Any, Any, list[float | None]]:
    spectrum = simulate("SN Ia", random, redshift=0.05, instrument=INSTRUMENTS[1], signal_to_noise=15)
    return spectrum.wavelength, spectrum.flux, outline(spectrum.wavelength, spectrum.flux)


def _prediction(spectrum: Spectrum, checkpoint: Checkpoint, trained: Sequence[str], p: Any) -> Prediction:
    best = int(p.argmax())
    return Prediction(
        spectrum=spectrum,
        reading=1,
        checkpoint=checkpoint,
        class_name=trained[best],
        probabilities={name: round(float(value), 5) for name, value in zip(trained, p, strict=True)},
        conformal_set=[trained[best]],
        novelty=float(p[0]),
        uncertainty=float(1 - p[best]),
        redshift=0.05,
        redshift_error=0.002,
    )


def _with_samples(drawn: Sequence[tuple[Any, Any, Any]], random: np.random.Generator) -> list[str]:
    """Give the first of the queue their samples and what their predictions rest on; returns their names."""
    first = Spectrum.objects.select_related("transient", "current_prediction")
    first = first.order_by("-current_prediction__uncertainty", "transient_id")[:DRAWN]
    names = []
    for spectrum, (wavelength, flux, _) in zip(first, drawn, strict=True):
        prediction = spectrum.current_prediction
        if prediction is None:
            raise ValueError("a spectrum at the head of the queue has a prediction")
        columns = {"wavelength": pack(wavelength), "flux": pack(flux), "flux_error": pack(np.full(flux.size, 0.1))}
        SpectrumArrays.objects.create(spectrum=spectrum, **columns)
        PredictionEvidence.objects.create(
            prediction=prediction,
            class_name=prediction.class_name,
            wavelength_first=2100.0,
            wavelength_last=11500.0,
            contribution=random.integers(-127, 127, 256).astype(np.int8).tobytes(),
            embedding=random.normal(size=768).astype("<f2").tobytes(),
        )
        names.append(str(spectrum.transient))
    return names


def _cookies() -> dict[str, str]:
    """Return the cookies of a reviewer who is signed in."""
    user = User.objects.create_user("bench")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return {settings.SESSION_COOKIE_NAME: str(session.session_key), settings.CSRF_COOKIE_NAME: TOKEN}


@contextlib.contextmanager
def _server(folder: Path, url: str) -> Iterator[str]:
    """Run gunicorn as ``make run`` starts it, on the bench's database; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"TRIAGE_VAR": str(folder), "DATABASE_URL": url, "SECRET_KEY": settings.SECRET_KEY}
    collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
    subprocess.run(collect, env=environment, cwd=settings.BASE_DIR, check=True)  # noqa: S603
    command = [sys.executable, "-m", "gunicorn", "triage.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--threads", "8", "--log-level", "warning"]
    process = subprocess.Popen(command, env=environment, cwd=settings.BASE_DIR)  # noqa: S603
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(150):
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(f"{address}/readyz", timeout=5).raise_for_status()
                break
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def _over_http(
    address: str, cookies: dict[str, str], names: Sequence[str], requests: int
) -> Iterator[tuple[str, list[float], int]]:
    """Yield for each page: its name, the seconds of each request, and the size of the last answer in bytes."""
    headers = {"X-CSRFToken": TOKEN, "X-Fragment": "1"}
    with httpx.Client(base_url=address, cookies=cookies, timeout=120) as client:
        pages = [f"/transients/{quote(name)}/" for name in names]
        yield "queue page", *_asked(client, ["/"] * requests)
        yield "review page", *_asked(client, [pages[i % len(pages)] for i in range(requests)])
        yield "figure of the spectrum", *_asked(client, [f"{pages[i % len(pages)]}plot/" for i in range(requests)])
        yield "similar vetted spectra", *_asked(client, [f"{pages[i % len(pages)]}twins/" for i in range(requests)])
        times, size = [], 0
        # The last ones of the list: the browser's walk begins at the first.
        for page in pages[len(pages) // 2 :][:requests]:
            started = time.perf_counter()
            answer = client.post(f"{page}decide/", data={"verdict": "confirm"}, headers=headers)
            times.append(time.perf_counter() - started)
            size = len(answer.raise_for_status().content)
        yield "decision, to the answer", times, size


def _asked(client: httpx.Client, addresses: Sequence[str]) -> tuple[list[float], int]:
    client.get(addresses[0]).raise_for_status()
    times, size = [], 0
    for address in addresses:
        started = time.perf_counter()
        size = len(client.get(address).raise_for_status().content)
        times.append(time.perf_counter() - started)
    return times, size


def _in_browser(address: str, cookies: dict[str, str], look_ms: int) -> list[float]:
    """Return the seconds from a key to the next spectrum, for twenty verdicts with a look at each spectrum."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        raise CommandError("Chromium is not installed; --no-browser leaves it out")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_cookies([{"name": name, "value": value, "url": address} for name, value in cookies.items()])
        page = context.new_page()
        page.goto(address)
        page.keyboard.press("Enter")
        page.wait_for_selector("#plot[data-drawn]")
        times = []
        for _ in range(20):
            page.wait_for_timeout(look_ms)
            times.append(page.evaluate(KEY_TO_NEXT) / 1000)
        browser.close()
    return times
