"""Run the whole embedded desk: database, web server and two workers, until Ctrl-C."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from io import FileIO
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from triage.models import Classification, Spectrum
from triage.operations import demo

START_SECONDS = 60
# A worker ends between two batches when asked; whatever it holds is not lost if it takes longer than this.
STOP_SECONDS = 4
# A process that ends again and again, such as on a full disk, is started after a pause that doubles up to a limit.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
# Deaths further apart than this have nothing to do with each other.
DEATHS_WITHIN = 600.0
# Celery's lecture to root, which would push the address off the screen.
QUIET = ("-W", "ignore:You're running the worker with superuser")
# Number of an option of prctl(2), from <sys/prctl.h>.
PR_SET_PDEATHSIG = 1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--no-demo", action="store_true", help="do not seed simulated spectra")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        url = f"http://{'localhost' if host == '127.0.0.1' else host}:{port}/"
        with Path(settings.VAR, "desk.lock").open("a+b", buffering=0) as lock:
            _keep_others_off(lock, url)
            self._serve(host, port, url, seed=not options["no_demo"])

    def _serve(self, host: str, port: int, url: str, *, seed: bool) -> None:
        if _answers(host, port):
            raise CommandError(f"port {port} is taken; choose another: PORT=8001 make run")
        self.stdout.write("starting…")
        self.stdout.flush()
        try:
            call_command("migrate", verbosity=0)
            call_command("collectstatic", interactive=False, verbosity=0)
        except (OSError, OperationalError) as error:
            raise CommandError(f"the database and the files of the desk cannot be prepared: {error}") from error
        login = demo.demo_login(demo.login_file())
        for number in SIGNALS:
            # Under nohup a closed terminal is no reason to end. An interrupt always is: shells start background jobs
            # with it ignored, but whoever sends it means it.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, _interrupt)
        commands = {"web server": _web(host, port), "worker": _worker(), "worker for other services": _outside_worker()}
        processes: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name, command in commands.items():
                processes[name] = _start(command)
            self._wait_until_up(processes, host, port)
            if seed:
                count = demo.seed(User.objects.get(username=demo.USER))
                self.stdout.write(f"\n  {_greeting(count)}")
            demo.write_login(demo.login_file(), url, login)
            self.stdout.write(f"\n  {url}   user {login.user}   password {login.password}")
            self.stdout.write(f"  written to {demo.login_file()}; Ctrl-C ends it\n")
            self.stdout.flush()
            self._watch(processes, commands)
        except KeyboardInterrupt:
            self.stdout.write("\nstopping…")
        finally:
            _stop(processes)

    def _watch(self, processes: dict[str, subprocess.Popen[bytes]], commands: dict[str, list[str]]) -> None:
        """Watch the processes until an interrupt. A process that ends is started again; the others go on meanwhile."""
        deaths: dict[str, list[float]] = {name: [] for name in commands}
        due: dict[str, float] = {}
        make = _Make()
        while not make.was_interrupted():
            now = time.monotonic()
            for name, process in processes.items():
                if process.poll() is not None and name not in due:
                    deaths[name] = [*(death for death in deaths[name] if death > now - DEATHS_WITHIN), now]
                    pause = pause_before(len(deaths[name]))
                    due[name] = now + pause
                    after = f" in {pause:.0f} s" if pause else ""
                    self.stderr.write(f"the {name} ended with status {process.returncode}; starting it again{after}")
                    _kill_session(process)
            for name in [name for name, moment in due.items() if moment <= now]:
                del due[name]
                processes[name] = _start(commands[name])
            time.sleep(0.2)

    def _wait_until_up(self, processes: dict[str, subprocess.Popen[bytes]], host: str, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(host, port):
            _check(processes)
            if time.monotonic() > deadline:
                raise CommandError(f"the web server did not answer within {START_SECONDS} s")
            time.sleep(0.1)
        # The first page loads what all others need; nobody should wait for that in front of the browser.
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{host}:{port}/login/", timeout=20):
            pass


def _keep_others_off(lock: FileIO, url: str) -> None:
    """Lock the folder of this desk. The kernel drops the lock when the file is closed or this process dies.

    url: address of this desk, by which it is named where another one is refused.

    Raises CommandError if a desk runs on the folder, or if the disk is full.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.truncate(0)
        lock.write(f"{url} (process {os.getpid()})".encode())
    except BlockingIOError:
        lock.seek(0)
        raise CommandError(
            f"a desk runs already on {settings.VAR}: {lock.read().decode()}. Stop it, or give this one another folder "
            "and port: TRIAGE_VAR=FOLDER PORT=8001 make run"
        ) from None
    except OSError as error:
        raise CommandError(f"{settings.VAR} cannot be written: {error}") from error


def pause_before(deaths: int) -> float:
    """Return the seconds before a process is started again.

    deaths: number of its deaths lately.
    """
    return min(FIRST_PAUSE_SECONDS * 2 ** (deaths - 2), LONGEST_PAUSE_SECONDS) if deaths > 1 else 0.0


def _greeting(seeded: int) -> str:
    if seeded:
        return f"{seeded} simulated spectra are being classified."
    vetted = Classification.objects.filter(vetted=True).count()
    return f"{Spectrum.objects.count()} spectra are here, {vetted} vetted classifications."


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def _web(host: str, port: int) -> list[str]:
    options = ["--bind", f"{host}:{port}", "--worker-class", "gthread", "--threads", "8", "--timeout", "120"]
    return ["gunicorn", "triage.wsgi", *options, "--graceful-timeout", "5", "--log-level", "warning"]


def _worker() -> list[str]:
    return ["celery", "--quiet", "-A", "triage", "worker", "-B", "--pool", "solo", "--loglevel", "WARNING"]


def _outside_worker() -> list[str]:
    options = ["--pool=threads", "--concurrency=8", f"--queues={settings.OUTSIDE_QUEUE}", "--hostname=outside@%h"]
    return ["celery", "--quiet", "-A", "triage", "worker", *options, "--loglevel", "WARNING"]


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that Ctrl-C reaches only this process, which then stops the others in
    order. If this process is killed, the others are asked to end.
    """
    return subprocess.Popen(  # noqa: S603
        [sys.executable, *QUIET, "-m", *command],
        start_new_session=True,
        preexec_fn=functools.partial(_end_with, os.getpid()) if sys.platform == "linux" else None,
    )


def _end_with(parent: int) -> None:
    """Let the kernel end the process that calls this when its parent dies; see prctl(2)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # The parent died before the kernel was asked.
        os._exit(1)


def _check(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, process in processes.items():
        if process.poll() is not None:
            raise CommandError(f"the {name} ended with status {process.returncode}; stopping the rest")


class _Make:
    """The ``make`` that started this process, if there is one.

    A supervisor may send an interrupt to make alone. Make then stops catching the signal and waits for this process,
    which does not get it. On Linux, /proc shows that make has stopped catching it.
    """

    def __init__(self) -> None:
        self.status = Path(f"/proc/{os.getppid()}/status")
        self.caught_before = self._catches_interrupts()

    def was_interrupted(self) -> bool:
        """Return whether make was interrupted since this object was made."""
        return self.caught_before and not self._catches_interrupts()

    def _catches_interrupts(self) -> bool:
        try:
            lines = dict(line.split(":", 1) for line in self.status.read_text().splitlines())
        except (OSError, ValueError):
            return False
        mask = int(lines["SigCgt"], 16)
        return lines["Name"].strip() == "make" and bool(mask >> (signal.SIGINT - 1) & 1)


def _stop(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    """Ask all to end, then end them. A second signal does not stop the stopping."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    for process in processes.values():
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes.values():
        try:
            process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            pass
        finally:
            _kill_session(process)


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a process's session, its children included."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
