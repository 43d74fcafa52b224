"""Send simulated spectra through the whole pipeline, on the configured database, and print as JSON how many a second
were uploaded, stored and predicted, and where the time went. What it made is removed again; run it without a worker."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from classifier.errors import SpectrumError
from classifier.predict import Classifier, SpectrumPrediction
from classifier.readers import read_spectrum
from classifier.simulation.spectra import INSTRUMENTS, simulate, write_ascii
from triage.inference import backlog, worker
from triage.intake.submit import Given, SentFile, in_chunks, submit_files
from triage.models import Original, Spectrum, SpectrumState, Transient


class Stopwatch:
    """Seconds spent in each part of the pipeline."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started


class TimedClassifier:
    """A classifier that measures the time its network takes."""

    def __init__(self, real: Classifier, watch: Stopwatch) -> None:
        self.real, self.watch = real, watch
        self.device = real.device

    def predict(self, items: Sequence[Any]) -> Sequence[SpectrumPrediction | SpectrumError]:
        with self.watch.part("predict"):
            return self.real.predict(items)


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--spectra", type=int, default=200)
        parser.add_argument("--batch", type=int, default=settings.CLASSIFIER_BATCH)

    def handle(self, *args: Any, **options: Any) -> None:
        count = options["spectra"]
        if count < 1:
            raise CommandError("--spectra is at least 1")
        if Spectrum.objects.filter(state=SpectrumState.QUEUED).exists():
            raise CommandError("spectra wait for a worker; bench a desk that has nothing to do")
        files = bench_files(count)
        watch = Stopwatch()
        user = User.objects.create(username=f"bench-{uuid.uuid4().hex[:8]}")
        group = Group.objects.create(name=user.username)
        user.groups.add(group)
        try:
            _upload(user, group, files, watch)
            batches = _predict(options["batch"], watch)
            classified = Spectrum.objects.filter(group=group, state=SpectrumState.CLASSIFIED).count()
        finally:
            remove_bench([user], group)
        self.stdout.write(json.dumps(_report(count, classified, batches, watch.seconds), indent=2))


def bench_files(count: int) -> list[bytes]:
    random = np.random.default_rng()
    names = ("SN Ia", "SN II", "TDE", "AGN")
    drawn = (
        simulate(names[i % 4], random, redshift=0.05, instrument=INSTRUMENTS[1], signal_to_noise=20)
        for i in range(count)
    )
    return [write_ascii(spectrum, {}) for spectrum in drawn]


def _upload(user: User, group: Group, files: list[bytes], watch: Stopwatch) -> None:
    sent = [
        SentFile(content, f"{number}.txt", Given(transient=f"{group.name}-{number}", group=group))
        for number, content in enumerate(files)
    ]
    with watch.part("upload"):
        for chunk in in_chunks((file, len(file.content)) for file in sent):
            submit_files(user, chunk)
    # Reading is a part of the upload; done once more, for its share.
    for number, content in enumerate(files):
        with watch.part("read"):
            read_spectrum(content, f"{number}.txt")


def _predict(batch_size: int, watch: Stopwatch) -> int:
    """Classify everything that waits and return the number of batches."""
    with watch.part("load"):
        classifier = worker.load_classifier()
        checkpoint = worker.register(classifier)
    timed = cast(Classifier, TimedClassifier(classifier, watch))
    batches = 0
    with watch.part("classify"):
        while batch := backlog.claim_batch(batch_size):
            worker.classify_batch(timed, checkpoint, batch)
            batches += 1
    return batches


def remove_bench(users: Sequence[User], group: Group) -> None:
    spectra = Spectrum.objects.filter(group=group)
    originals, transients = (set(spectra.values_list(name, flat=True)) for name in ("original", "transient"))
    spectra.delete()
    Original.objects.filter(pk__in=originals, spectra__isnull=True).delete()
    Transient.objects.filter(pk__in=transients, spectra__isnull=True).delete()
    for user in users:
        user.delete()
    group.delete()


def _report(count: int, classified: int, batches: int, seconds: dict[str, float]) -> dict[str, object]:
    total = seconds["upload"] + seconds["classify"]
    return {
        "spectra": count,
        "classified": classified,
        "batches": batches,
        "database": connection.vendor,
        "device": settings.CLASSIFIER_DEVICE,
        "spectra_per_second": {
            "uploaded": round(count / seconds["upload"], 1),
            "classified": round(count / seconds["classify"], 1),
            "in_one_process": round(count / total, 1),
        },
        "seconds": {
            "read": round(seconds["read"], 3),
            "store": round(seconds["upload"] - seconds["read"], 3),
            "load_checkpoint_once": round(seconds["load"], 3),
            "predict": round(seconds["predict"], 3),
            "claim_and_store_predictions": round(seconds["classify"] - seconds["predict"], 3),
        },
    }
