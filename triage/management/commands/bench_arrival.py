"""Bench of a night's arrival: spectra are uploaded through the API as fast as it takes them, while workers classify.

It starts a web server and workers of its own, on the configured database and broker. It prints the rates as JSON, and
how long a single upload of somebody else waits for its prediction meanwhile and afterwards. Then the workers classify
everything once more, without the uploads. It removes what it made. Run it without other workers.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.models import F
from django.utils import timezone

from triage.management.commands.bench_pipeline import bench_files, remove_bench
from triage.models import ApiToken, InferenceBatch, Scope, Spectrum, SpectrumState

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
        group = Group.objects.create(name=f"bench-{uuid.uuid4().hex[:8]}")
        users = [User.objects.create(username=f"{group.name}-{number}") for number in range(2)]
        group.user_set.set(users)
        keys = [ApiToken.issue(user, "bench", [Scope.UPLOAD])[1] for user in users]
        try:
            with running_desk(options["workers"], options["web_processes"]) as (url, processes):
                clients = [
                    httpx.Client(base_url=url, headers={"Authorization": f"Token {k}"}, timeout=120) for k in keys
                ]
                report = _bench(processes, clients, group, options["spectra"], options["together"])
        finally:
            remove_bench(users, group)
        self.stdout.write(json.dumps(report, indent=2))


def _bench(
    processes: Sequence[subprocess.Popen[bytes]],
    clients: Sequence[httpx.Client],
    group: Group,
    count: int,
    together: int,
) -> dict[str, Any]:
    """Return the report.

    processes: the web server, then the workers.
    clients: of the user who sends everything, and of the one who sends single files.
    """
    many, single = clients
    files = bench_files(count + SINGLES + 1)
    _single(single, group, files.pop(), "first")  # the workers load the checkpoint
    load, used = os.getloadavg()[0], _cpu_seconds(processes)
    started, since = time.monotonic(), timezone.now()
    with ThreadPoolExecutor(1) as thread:
        sending = thread.submit(_upload, many, group, files[:count], together)
        meanwhile = _singles(single, group, files[count : count + SINGLES // 2], "meanwhile", sending.running)
        uploaded = sending.result()
    taken_in = count + len(meanwhile)
    _wait(group, taken_in + 1)
    done = time.monotonic() - started
    batches = list(InferenceBatch.objects.filter(finished_at__gt=since).values_list("size", flat=True))
    work = {"arrival": _work(used, _cpu_seconds(processes), taken_in)}
    used = _cpu_seconds(processes)
    _classify_again(group)
    work["classified_again"] = _work(used, _cpu_seconds(processes), taken_in + 1)
    afterwards = _singles(single, group, files[count + len(meanwhile) :], "afterwards", lambda: True)
    return {
        "spectra": taken_in,
        "classified": Spectrum.objects.filter(group=group, state=SpectrumState.CLASSIFIED).count()
        - len(afterwards)
        - 1,
        "seconds": {"until_uploaded": round(uploaded, 1), "until_classified": round(done, 1)},
        "spectra_per_second": round(taken_in / done, 1),
        "batches": {"number": len(batches), "mean_size": round(sum(batches) / len(batches), 1)},
        "single_uploads": {"meanwhile": _summary(meanwhile), "afterwards": _summary(afterwards)},
        "cpu_ms_per_spectrum": work,
        "load_average": {"before": round(load, 1), "after": round(os.getloadavg()[0], 1), "cores": os.cpu_count()},
        "database": connection.vendor,
    }


def _cpu_seconds(processes: Sequence[subprocess.Popen[bytes]]) -> list[float]:
    """Return the seconds of CPU that each process and its children have used."""
    ticks = os.sysconf("SC_CLK_TCK")
    seconds = []
    for process in processes:
        fields = [(folder / "stat").read_text().rpartition(")")[2].split() for folder in process_tree(process)]
        # User and system time, as proc(5) numbers them from the third field on.
        seconds.append(sum(int(one[11]) + int(one[12]) for one in fields) / ticks)
    return seconds


def _work(before: Sequence[float], after: Sequence[float], count: int) -> dict[str, float]:
    """Return milliseconds of CPU a spectrum, which depend less on what else the machine does than the clock does."""
    web, *workers = (1000 * (late - early) / count for early, late in zip(before, after, strict=True))
    return {"web": round(web, 1), "workers": round(sum(workers), 1)}


def process_tree(process: subprocess.Popen[bytes]) -> Iterator[Path]:
    """Yield the folders in /proc of a process and all below it."""
    waiting = [process.pid]
    while waiting:
        folder = Path(f"/proc/{waiting.pop()}")
        with contextlib.suppress(OSError):
            waiting += [int(child) for child in (folder / "task" / folder.name / "children").read_text().split()]
            yield folder


def _classify_again(group: Group) -> None:
    """Let the workers classify everything as if it had just come, and wait for it."""
    spectra = Spectrum.objects.filter(group=group)
    spectra.update(reading=F("reading") + 1, current_prediction=None)
    # The periodic task finds them.
    _wait(group, spectra.return_to_backlog())


def _singles(
    client: httpx.Client, group: Group, files: Sequence[bytes], name: str, going_on: Callable[[], bool]
) -> list[tuple[float, int]]:
    """Upload files one after the other while something is going on; return what ``_single`` returns for each."""
    waits = []
    for number, content in enumerate(files):
        if not going_on():
            break
        waits.append(_single(client, group, content, f"{name}-{number}"))
    return waits


def _summary(waits: Sequence[tuple[float, int]]) -> dict[str, float]:
    if not waits:
        return {}
    seconds, before = sorted(wait for wait, _ in waits), [number for _, number in waits]
    return {
        "number": len(waits),
        "median_s": seconds[len(seconds) // 2],
        "slowest_s": seconds[-1],
        "most_classified_between": max(before),
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


def _single(client: httpx.Client, group: Group, content: bytes, name: str) -> tuple[float, int]:
    """Return the seconds from an upload until the API shows its prediction, and how many were classified meanwhile."""
    started = time.monotonic()
    spectrum_id = send_file(client, group, content, name)
    while client.get(f"api/v1/spectra/{spectrum_id}/").json()["state"] == SpectrumState.QUEUED:
        if time.monotonic() - started > STILL_SECONDS:
            raise CommandError("no worker classifies anything")
        time.sleep(0.02)
    seconds = round(time.monotonic() - started, 2)
    own = Spectrum.objects.get(pk=spectrum_id)
    between = Spectrum.objects.filter(group=group, processed_at__range=(own.created_at, own.processed_at))
    return seconds, between.count() - 1


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
