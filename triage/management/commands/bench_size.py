"""Bench of a desk after years: a database of generated transients and spectra, and every list and page asked as a user.

It prints how long each took and how many queries it made. The database is removed afterwards.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import statistics
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, OuterRef, Subquery, Value
from django.db.models.expressions import Combinable
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from classifier.taxonomy import load_taxonomy
from triage.models import (
    Checkpoint,
    Classification,
    Decision,
    Original,
    Prediction,
    Spectrum,
    SpectrumArrays,
    SpectrumState,
    Transient,
)
from triage.models.arrays import pack
from triage.queue import entries

CHUNK = 5000
GROUPS = 3
# Shares: transients that a reviewer has decided, those of them that two have, transients whose spectra belong to a
# group, and spectra with arrays.
DECIDED, DECIDED_TWICE, PRIVATE, WITH_ARRAYS = 0.9, 0.1, 0.2, 0.01
FAILED = 0.01
INSTRUMENTS = ("SEDM", "ZTF SEDMv2", "EFOSC2-NTT", "Kast", "LRIS", "DBSP", "GMOS-N", "FLOYDS-N", "ALFOSC", "OSIRIS")
YEARS = timedelta(days=1000)
REPEATS = 12


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--transients", type=int, default=300_000)
        parser.add_argument("--spectra", type=int, default=1_000_000)
        parser.add_argument("--keep", action="store_true", help="leave the database, and print its name")
        parser.add_argument("--use", metavar="DATABASE", help="ask a database that was kept before")

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError("this wants Postgres: set DATABASE_URL")
        call_command("collectstatic", interactive=False, verbosity=0)
        with self._database(options["use"], options["keep"]):
            if not options["use"]:
                started = time.monotonic()
                generate(options["transients"], options["spectra"])
                self.stdout.write(f"generated in {time.monotonic() - started:.0f} s")
            with connection.cursor() as cursor:
                # As a desk of years has been, by itself.
                cursor.execute("VACUUM ANALYZE")
                cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database()))")
                size = cursor.fetchone()[0]
            self.stdout.write(
                f"{Transient.objects.count()} transients, {Spectrum.objects.count()} spectra, "
                f"{SpectrumArrays.objects.count()} with arrays, {size}"
            )
            self.stdout.write(
                "| page or list | fastest | median | p95 | CPU | queries |\n| --- | --- | --- | --- | --- | --- |"
            )
            measure("all pages are loaded", "/")
            # The web server does the same; see triage.wsgi.
            gc.collect()
            gc.freeze()
            for name, address in addresses().items():
                self.stdout.write(str(measure(name, address)))
                self.stdout.flush()

    @contextlib.contextmanager
    def _database(self, use: str | None, keep: bool) -> Iterator[None]:
        name = use or f"triage_size_{uuid.uuid4().hex[:8]}"
        own = connection.settings_dict["NAME"]
        connection.settings_dict["TEST"]["NAME"] = name
        if use:
            connection.close()
            connection.settings_dict["NAME"] = use
        else:
            connection.creation.create_test_db(verbosity=0, serialize=False)
        try:
            yield
        finally:
            if keep or use:
                self.stdout.write(f"kept: {name}")
            else:
                connection.creation.destroy_test_db(own, verbosity=0)


@dataclasses.dataclass(frozen=True)
class Measured:
    """Times of a page's requests.

    seconds: duration of each request.
    cpu: seconds of this process's CPU for each, without the database's. Other work on the machine disturbs it less.
    queries: number of queries of one request.
    """

    name: str
    seconds: list[float]
    cpu: list[float]
    queries: int

    def __str__(self) -> str:
        p95 = sorted(self.seconds)[-1 - len(self.seconds) // 20]
        times = (min(self.seconds), statistics.median(self.seconds), p95, statistics.median(self.cpu))
        return f"| {self.name} | {' | '.join(f'{time * 1e3:.0f} ms' for time in times)} | {self.queries} |"


def measure(name: str, address: str) -> Measured:
    """Ask an address as the member of one group, once to warm up."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="member"))
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    number = len(queries)
    if answer.status_code != 200:
        raise CommandError(f"{address} was answered with {answer.status_code}")
    seconds, cpu = [], []
    for _ in range(REPEATS):
        started, worked = time.perf_counter(), time.process_time()
        client.get(address)
        seconds.append(time.perf_counter() - started)
        cpu.append(time.process_time() - worked)
        if sum(seconds) > 10:
            break
    return Measured(name, seconds, cpu, number)


def addresses() -> dict[str, str]:
    """Return the addresses that a user looks at, by a name for each."""
    public = Transient.objects.filter(spectra__group__isnull=True).order_by("id")
    some = public[public.count() // 2]
    waiting = public.exclude(classifications__isnull=False).first() or some
    states = ("pending", "unsure", "vetted", "processing", "bad", "failed", "all")
    found = {f"queue, {state}": f"/?state={state}" for state in states}
    return found | {
        "queue, page 3": "/?page=3",
        "queue, one class": "/?class=TDE",
        "queue, one group": "/?group=group-0",
        "queue, one instrument": "/?instrument=LRIS",
        "queue, probable": "/?above=90",
        "queue, last week": f"/?from={timezone.now() - timedelta(days=7):%Y-%m-%d}",
        "queue, part of a name": f"/?q={some.name[3:10]}",
        "vetted, one class": "/?state=done&class=TDE",
        "all, one class": "/?state=all&class=TDE",
        "all, one group": "/?state=all&group=group-0",
        "all, one instrument": "/?state=all&instrument=LRIS",
        "all, part of a name": f"/?state=all&q={some.name[3:10]}",
        "all, part of many names": "/?state=all&q=2022",
        "search": "/search/?q=2022",
        "counts": "/queue/counts/",
        "tonight": "/tonight/",
        "digest": "/night/digest/",
        "agreement": "/agreement/",
        "inbox": "/inbox/",
        "review, one that waits": f"/transients/{waiting.name}/",
        "review, one that is vetted": f"/transients/{some.name}/",
        "vetted": "/vetted/",
        "quarantine": "/quarantine/",
        "API: queue": "/api/v1/queue/",
        "API: transients": "/api/v1/transients/",
        "API: transients that wait": "/api/v1/transients/?state=pending",
        "API: one transient": f"/api/v1/transients/{some.name}/",
        "API: spectra": "/api/v1/spectra/",
        "API: classifications": "/api/v1/classifications/",
    }


def generate(transients: int, spectra: int) -> None:
    """Generate transients of three years. Each spectrum has a prediction, and most transients have a decision."""
    random = np.random.default_rng(1)
    member = User.objects.create(username="member")
    groups = [Group.objects.create(name=f"group-{i}") for i in range(GROUPS)]
    member.groups.add(groups[0])
    reviewers = [member, User.objects.create(username="second")]
    checkpoint = Checkpoint.objects.create(hash="c" * 64, name="bench", taxonomy_version="1", current=True)
    original = Original.objects.create(sha256="0" * 64, content=b"", size=0)
    start = timezone.now() - YEARS
    for first in range(0, transients, CHUNK):
        made = [
            Transient(name=f"SN {2020 + i * 4 // transients}{i:06x}", redshift=float(random.exponential(0.05)))
            for i in range(first, min(first + CHUNK, transients))
        ]
        Transient.objects.bulk_create(made)
        number = spectra * (first + len(made)) // transients - spectra * first // transients
        of = [made[i * len(made) // number] for i in range(number)]
        private = {
            transient.pk: groups[int(random.integers(GROUPS))] for transient in made if random.random() < PRIVATE
        }
        rows = [_spectrum(transient, private.get(transient.pk), original, random) for transient in of]
        Spectrum.objects.bulk_create(rows)
        _arrays(rows, random)
        predictions = [_prediction(row, checkpoint, random) for row in rows if row.state == SpectrumState.CLASSIFIED]
        Prediction.objects.bulk_create(predictions)
        _decide(made, private, reviewers, start + YEARS * (first / transients), random)

    newest = Prediction.objects.filter(spectrum=OuterRef("pk"))
    Spectrum.objects.update(current_prediction=Subquery(newest.values("pk")[:1]), created_at=_arrival(start, spectra))
    Transient.objects.update(created_at=_arrival(start, transients))
    with connection.cursor() as cursor:
        # Without statistics, Postgres reads all spectra for each chunk of entries.
        cursor.execute("ANALYZE")
    entries.rebuild()


def _arrival(start: datetime, rows: int) -> Combinable:
    """Return the expression that spreads the times of arrival of so many rows evenly over the years since the start."""
    age = ExpressionWrapper(F("pk") * Value(YEARS / rows), DurationField())
    return ExpressionWrapper(Value(start) + age, DateTimeField())


def _spectrum(transient: Transient, group: Group | None, original: Original, random: np.random.Generator) -> Spectrum:
    failed = random.random() < FAILED
    return Spectrum(
        transient=transient,
        group=group,
        original=original,
        sha256=hashlib.sha256(random.bytes(16)).hexdigest(),
        filename=f"{transient.pk}.fits",
        instrument=INSTRUMENTS[int(random.integers(len(INSTRUMENTS)))],
        receipt={"wavelength_range": [3800.0, 9200.0], "frame": "observed"},
        wavelength_min=3800.0,
        wavelength_max=9200.0,
        outline=[round(float(value), 3) for value in random.random(96)],
        state=SpectrumState.FAILED if failed else SpectrumState.CLASSIFIED,
        failure_code="insufficient_coverage" if failed else "",
        attempts=1,
    )


def _arrays(rows: list[Spectrum], random: np.random.Generator) -> None:
    wavelength = np.linspace(3800, 9200, 2000)
    SpectrumArrays.objects.bulk_create(
        SpectrumArrays(spectrum=row, wavelength=pack(wavelength), flux=pack(random.random(2000)))
        for row in rows
        if random.random() < WITH_ARRAYS
    )


def _prediction(spectrum: Spectrum, checkpoint: Checkpoint, random: np.random.Generator) -> Prediction:
    names = load_taxonomy().trained
    probabilities = np.sort(random.dirichlet(np.full(len(names), 0.1)))[::-1]
    order = random.permutation(len(names))
    shares = {names[i]: round(float(p), 4) for i, p in zip(order, probabilities, strict=True)}
    return Prediction(
        spectrum=spectrum,
        reading=1,
        checkpoint=checkpoint,
        class_name=names[order[0]],
        probabilities=shares,
        conformal_set=[names[i] for i in order[:2]],
        novelty=float(random.random()),
        uncertainty=float(1 - probabilities[0]),
        redshift=0.05,
        redshift_error=0.002,
    )


def _decide(
    made: list[Transient], private: dict[int, Group], reviewers: list[User], at: Any, random: np.random.Generator
) -> None:
    """Let the first reviewer decide on most transients, and the second one before them on some of these."""
    decided = [transient for transient in made if random.random() < DECIDED]
    twice = [transient for transient in decided if random.random() < DECIDED_TWICE]
    Decision.objects.bulk_create(_decision(transient, private, reviewers[1], random) for transient in twice)
    decisions = [_decision(transient, private, reviewers[0], random) for transient in decided]
    joined = {transient.pk for transient in twice}
    for decision in decisions:
        decision.joins = decision.transient_id in joined
    Decision.objects.bulk_create(decisions)
    standing = [
        Classification(
            transient=decision.transient,
            group=decision.group,
            decision=decision,
            state="unsure" if decision.verdict == "unsure" else "done",
            vetted=decision.verdict in ("confirm", "override"),
            decided_at=at + timedelta(minutes=number),
        )
        for number, decision in enumerate(decisions)
    ]
    Classification.objects.bulk_create(standing)


def _decision(transient: Transient, private: dict[int, Group], reviewer: User, random: np.random.Generator) -> Decision:
    verdicts, names = ("confirm", "confirm", "confirm", "override", "unsure"), load_taxonomy().trained
    return Decision(
        transient=transient,
        group=private.get(transient.pk),
        reviewer=reviewer,
        verdict=verdicts[int(random.integers(len(verdicts)))],
        class_name=names[int(random.integers(len(names)))],
    )
