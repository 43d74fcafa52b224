"""Bench of a night's arrival: spectra are uploaded through the API as fast as it takes them, while workers classify.

It starts a web server and workers of its own, on the configured database and broker. It prints the rates as JSON, and
how long a single upload waits for its prediction afterwards. It removes what it made. Run it without other workers.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from triage.management.commands.bench_pipeline import bench_files, remove_bench
from triage.models import ApiToken, InferenceBatch, Spectrum, SpectrumState

SENDERS = 4
SINGLES = 10
START_SECONDS = 60
# No batch for so long means that the workers have died.
STILL_SECONDS = 120


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--spectra", type=int, default=1000)
        parser.add_argument("--together", type=int, default=100, help="files in one request")
        parser.add_argument("--workers", type=int, default=2)
        parser.add_argument("--web-processes", type=int, default=2)

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.REDIS_URL:
            raise CommandError("bench a desk with Redis: a worker needs no folder then")
        if Spectrum.objects.filter(state=SpectrumState.QUEUED).exists():
            raise CommandError("spectra wait for a worker; bench a desk that has nothing to do")
        user = User.objects.create(username=f"bench-{uuid.uuid4().hex[:8]}")
        group = Group.objects.create(name=user.username)
        user.groups.add(group)
        _, key = ApiToken.issue(user, "bench")
        try:
            with running_desk(options["workers"], options["web_processes"]) as (url, _):
                report = _bench(url, key, group, options["spectra"], options["together"])
        finally:
            remove_bench(user, group)
        # Beside the seconds by the clock, what does not depend on what else the machine has to do: the processes' own
        # work, their start included, without the database's.
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        report["cpu_ms_per_spectrum"] = round((used.ru_utime + used.ru_stime) * 1000 / options["spectra"], 1)
        self.stdout.write(json.dumps(report, indent=2))


def _bench(url: str, key: str, group: Group, count: int, together: int) -> dict[str, Any]:
    headers = {"Authorization": f"Token {key}"}
    files = bench_files(count + SINGLES + 1)
    with httpx.Client(base_url=url, headers=headers, timeout=120) as client:
        _single(client, group, files.pop(), "first")  # the workers load the checkpoint
        load = os.getloadavg()[0]
        started, since = time.monotonic(), timezone.now()
        uploaded = _upload(client, group, files[:count], together)
        _wait(group, count + 1)
        done = time.monotonic() - started
        waits = sorted(_single(client, group, content, f"single-{i}") for i, content in enumerate(files[count:]))
    batches = list(InferenceBatch.objects.filter(finished_at__gt=since).values_list("size", "seconds"))[:-SINGLES]
    return {
        "spectra": count,
        "classified": Spectrum.objects.filter(group=group, state=SpectrumState.CLASSIFIED).count() - SINGLES - 1,
        "seconds": {"until_uploaded": round(uploaded, 1), "until_classified": round(done, 1)},
        "spectra_per_second": round(count / done, 1),
        "batches": {"number": len(batches), "mean_size": round(sum(size for size, _ in batches) / len(batches), 1)},
        "single_upload_to_prediction_s": {"median": waits[len(waits) // 2], "slowest": waits[-1]},
        "load_average": {"before": round(load, 1), "after": round(os.getloadavg()[0], 1), "cores": os.cpu_count()},
        "database": connection.vendor,
    }


def _upload(client: httpx.Client, group: Group, files: Sequence[bytes], together: int) -> float:
    """Send all files in several requests at a time, and return the seconds that took.

    together: number of files in one request.
    """
    started = time.monotonic()

    def send(first: int) -> None:
        named = {f"{n}.txt": content for n, content in enumerate(files[first : first + together], start=first)}
        manifest = "\n".join(["file,transient", *(f"{name},{group.name}-{name[:-4]}" for name in named)])
        parts = [
            ("manifest", ("manifest.csv", manifest.encode())),
            *(("file", named_file) for named_file in named.items()),
        ]
        answer = client.post("api/v1/spectra/batch/", data={"group": group.name}, files=parts)
        statuses = [json.loads(line)["status"] for line in answer.iter_lines()]
        if statuses != [202] * len(named):
            raise CommandError(f"a batch was answered with {answer.status_code}: {answer.text[:300]}")

    with ThreadPoolExecutor(SENDERS) as senders:
        for _ in senders.map(send, range(0, len(files), together)):
            pass
    return time.monotonic() - started


def send_file(client: httpx.Client, group: Group, content: bytes, name: str) -> int:
    """Upload one file for the group and return the spectrum's id."""
    sent = {"transient": f"{group.name}-{name}", "group": group.name}
    answer = client.post("api/v1/spectra/", data=sent, files={"file": (f"{name}.txt", content)})
    if answer.status_code != 202:
        raise CommandError(f"an upload was answered with {answer.status_code}: {answer.text[:300]}")
    return int(answer.json()["id"])


def _single(client: httpx.Client, group: Group, content: bytes, name: str) -> float:
    """Return the seconds from an upload until the API shows its prediction."""
    started = time.monotonic()
    spectrum_id = send_file(client, group, content, name)
    while client.get(f"api/v1/spectra/{spectrum_id}/").json()["state"] == SpectrumState.QUEUED:
        if time.monotonic() - started > STILL_SECONDS:
            raise CommandError("no worker classifies anything")
        time.sleep(0.02)
    return round(time.monotonic() - started, 2)


def _wait(group: Group, count: int) -> None:
    """Wait until all spectra are handled."""
    done, moved = 0, time.monotonic()
    while done < count:
        time.sleep(0.2)
        now = Spectrum.objects.filter(group=group).exclude(state=SpectrumState.QUEUED).count()
        if now > done:
            done, moved = now, time.monotonic()
        elif time.monotonic() - moved > STILL_SECONDS:
            raise CommandError(f"only {done} of {count} were handled")


@contextlib.contextmanager
def running_desk(workers: int, web_processes: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Run a web server, workers and beat on the configured services, with a broker queue of their own.

    workers, web_processes: number of processes.

    Yields the web server's address and the processes, the web server first.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"CELERY_QUEUE": f"bench-{uuid.uuid4().hex[:8]}", "LOG_LEVEL": "WARNING"}
        web = ["gunicorn", "triage.wsgi", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "8"]
        web += ["--workers", str(web_processes), "--timeout", "120", "--log-level", "warning"]
        schedule = ["-B", "--schedule", str(Path(folder) / "schedule")]
        worker = ["celery", "--quiet", "-A", "triage", "worker", "--pool", "solo", "--loglevel", "WARNING"]
        commands = [web, *([*worker, *(schedule if n == 0 else []), "-n", f"{n}@bench"] for n in range(workers))]
        processes = [
            subprocess.Popen([sys.executable, "-W", "ignore", "-m", *command], env=environment)  # noqa: S603
            for command in commands
        ]
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}/", processes
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                killer = threading.Timer(20, process.kill)
                killer.start()
                process.wait()
                killer.cancel()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise CommandError("the web server did not start")
