"""Soak test: a desk of its own under mixed load, without a pause, for as long as is wanted.

Uploads, pages, lists and decisions follow one another. Every minute it prints what was done and how much memory each
process holds. Run it on a database that can be thrown away: what it makes stays.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import subprocess
import time
import uuid
from typing import Any

import httpx
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from triage.management.commands.bench_arrival import process_tree, running_desk, send_file
from triage.management.commands.bench_pipeline import bench_files
from triage.models import ApiToken, Scope, Spectrum, SpectrumState

MINUTE = 60.0
READ = (
    "api/v1/queue/",
    "api/v1/transients/",
    "api/v1/spectra/",
    "api/v1/classifications/",
    "api/v1/classifications/?format=csv",
    "readyz",
)
FILES_AT_ONCE = 50


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--minutes", type=float, default=30)

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.REDIS_URL:
            raise CommandError("soak a desk with Redis: a worker needs no folder then")
        user = User.objects.create(username=f"soak-{uuid.uuid4().hex[:8]}")
        group = Group.objects.create(name=user.username)
        user.groups.add(group)
        headers = {"Authorization": f"Token {ApiToken.issue(user, 'soak', [Scope.UPLOAD, Scope.DECIDE])[1]}"}
        self.stdout.write("| minute | requests | median | slowest | errors | queued | web MiB | worker MiB |")
        self.stdout.write("| --- | --- | --- | --- | --- | --- | --- | --- |")
        with running_desk(1, 1) as (url, processes), httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            load = _Load(client, group)
            started = time.monotonic()
            for minute in itertools.count(1):
                end = started + min(minute, options["minutes"]) * MINUTE
                seconds, errors = load.run_until(end)
                queued = Spectrum.objects.filter(group=group, state=SpectrumState.QUEUED).count()
                memory = " | ".join(str(resident_mib(process)) for process in processes)
                self.stdout.write(
                    f"| {minute} | {len(seconds)} | {statistics.median(seconds) * 1e3:.0f} ms "
                    f"| {max(seconds):.1f} s | {errors} | {queued} | {memory} |"
                )
                self.stdout.flush()
                if minute >= options["minutes"]:
                    break


class _Load:
    """Requests that take turns: upload a file, read every list, and decide on the file before."""

    def __init__(self, client: httpx.Client, group: Group) -> None:
        self.client, self.group = client, group
        self.files: list[bytes] = []
        self.number = 0

    def run_until(self, end: float) -> tuple[list[float], int]:
        """Make requests until a time; return the seconds of each, and the number of answers with an error."""
        seconds: list[float] = []
        errors = 0
        while time.monotonic() < end:
            for step in (self._upload, self._decide, *(self._reader(path) for path in READ)):
                started = time.monotonic()
                errors += step() >= 500
                seconds.append(time.monotonic() - started)
        return seconds, errors

    def _upload(self) -> int:
        self.files = self.files or bench_files(FILES_AT_ONCE)
        self.number += 1
        send_file(self.client, self.group, self.files.pop(), str(self.number))
        return 202

    def _decide(self) -> int:
        name = f"{self.group.name}-{max(self.number - 5, 1)}"
        verdict = {"verdict": "override", "class_name": "TDE"}
        return self.client.post(f"api/v1/transients/{name}/decisions/", json=verdict).status_code

    def _reader(self, path: str) -> Any:
        return lambda: self.client.get(path).status_code


def resident_mib(process: subprocess.Popen[bytes]) -> int:
    """Return the memory of a process and its children in MiB. Linux counts memory that they share once for each."""
    kib = 0
    for folder in process_tree(process):
        with contextlib.suppress(OSError, KeyError):
            lines = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
            kib += int(lines["VmRSS"].split()[0])
    return kib >> 10
