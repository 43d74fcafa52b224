"""The container image, built by buildah without Docker, classifies one upload with its own processes.

It needs no registry of images: mmdebstrap makes a Debian with Python, which gets the name of the Dockerfile's base.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.desk import ROOT
from tests.factories import spectrum_file
from tests.faults.services import free_port, need, own_postgres, own_redis

pytestmark = pytest.mark.image

DOCKERFILE = ROOT / "docker" / "Dockerfile"
IMAGE = "localhost/triage"
UID = 10001
LARGEST_BYTES = 1_600_000_000
PATIENCE_SECONDS = 120


class Image:
    """The built image and one container of it, in a store of their own that knows no other image.

    environment: variables of each process in the container.
    processes: running processes of the container.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: dict[str, str] = {}
        self.processes: list[subprocess.Popen[bytes]] = []
        self.log = folder / "log"

    def buildah(self, *command: str) -> str:
        """Run buildah with the own store. Returns what it printed."""
        with self.log.open("ab") as log:
            done = subprocess.run([*self._program(), *command], stdout=subprocess.PIPE, stderr=log)
        assert done.returncode == 0, self.log.read_text()[-3000:]
        return done.stdout.decode().strip()

    def make_base(self) -> None:
        """Make Debian with Python, and name it as the Dockerfile names its base."""
        (base,) = set(re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.MULTILINE))
        release = base.rpartition("-")[2]
        archive = self.folder / "base.tar"
        packages = "--include=python3,python3-venv,ca-certificates"
        link = '--customize-hook=ln -s python3 "$1/usr/bin/python"'
        with self.log.open("ab") as log:
            command = ["mmdebstrap", "--variant=minbase", packages, link, release, str(archive)]
            subprocess.run(command, stdout=log, stderr=log, check=True)
        container = self.buildah("from", "scratch")
        self.buildah("add", container, str(archive), "/")
        self.buildah("commit", "--rm", container, f"docker.io/library/{base}")

    def build(self) -> None:
        """Build the image with this machine's pip settings, and make a container of it."""
        given = ["--isolation=chroot", "--pull=never", *self._pip_options()]
        self.buildah("build", *given, f"--file={DOCKERFILE}", f"--tag={IMAGE}", str(ROOT))
        self.container = self.buildah("from", "--pull=never", IMAGE)
        data = self.folder / "data"
        data.mkdir()
        os.chown(data, UID, UID)

    def _pip_options(self) -> list[str]:
        """Return options that give the build the certificates, wheels and index of PyTorch that pip uses here."""
        here = {name: os.environ.get(f"PIP_{name.upper()}", "") for name in ("cert", "find_links")}
        lines = [f"{name.replace('_', '-')} = {path}\n" for name, path in here.items() if path]
        settings = self.folder / "pip.conf"
        settings.write_text("".join(["[global]\n", *lines]))
        folders = [path for path in here.values() if Path(path).is_absolute()]
        mounts = [f"{settings}:/etc/pip.conf:ro", *(f"{path}:{path}:ro" for path in folders)]
        options = [f"--volume={mount}" for mount in mounts]
        index = os.environ.get("PIP_INDEX_TORCH", "" if here["find_links"] else None)
        return options if index is None else [*options, f"--build-arg=TORCH_INDEX={index}"]

    def size(self) -> int:
        """Return the bytes of all files in the image."""
        mounted = self.buildah("mount", self.container)
        said = subprocess.run(["du", "--summarize", "--bytes", mounted], capture_output=True, text=True, check=True)
        return int(said.stdout.split()[0])

    def run(self, *command: str) -> str:
        """Run a command to its end as the image's user. Returns what it printed."""
        return self.buildah(*self._run(*command))

    def start(self, role: str) -> None:
        """Start one process of the desk, as its entry point does."""
        with self.log.open("ab") as log:
            command = [*self._program(), *self._run("docker/entrypoint.sh", role)]
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))

    def stop(self) -> None:
        for process in self.processes:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            process.wait(timeout=60)

    def wait(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            assert all(process.poll() is None for process in self.processes), self.log.read_text()[-3000:]
            time.sleep(0.2)

    def _program(self) -> list[str]:
        return ["buildah", f"--root={self.folder}/store", f"--runroot={self.folder}/run"]

    def _run(self, *command: str) -> list[str]:
        variables = [f"--env={name}={value}" for name, value in self.environment.items()]
        volume = f"--volume={self.folder}/data:/data"
        return ["run", "--isolation=chroot", volume, *variables, self.container, "--", *command]


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    need("buildah", "mmdebstrap")
    if os.geteuid() != 0:
        pytest.skip("an image is built in a chroot, which needs root")
    folder = Path(tempfile.mkdtemp(prefix="triage-image-"))
    made = Image(folder)
    try:
        made.make_base()
        made.build()
        yield made
    finally:
        # If the container cannot be unmounted, the folder stays.
        made.buildah("rm", "--all")
        shutil.rmtree(folder)


def test_the_image_runs_as_a_user_of_its_own(image: Image) -> None:
    assert image.run("id", "-u") == str(UID)


def test_the_image_for_the_cpu_has_no_more_than_1600_mb(image: Image) -> None:
    assert image.size() <= LARGEST_BYTES


def test_the_processes_of_the_image_classify_an_upload(image: Image) -> None:
    address = f"127.0.0.1:{free_port()}"
    with own_postgres() as postgres, own_redis() as redis:
        image.environment = {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "SECRET_KEY": "only for tests",
            "DJANGO_SUPERUSER_PASSWORD": "a long password",
            "HOST": "127.0.0.1",
            "PORT": address.rpartition(":")[2],
        }
        image.run("docker/entrypoint.sh", "migrate")
        image.run("python", "manage.py", "createsuperuser", "--noinput", "--username=night", "--email=")
        token = image.run("python", "manage.py", "issue_token", "night", "--scope", "upload")
        try:
            for role in ("web", "worker", "outside", "beat"):
                image.start(role)
            with httpx.Client(base_url=f"http://{address}", headers={"Authorization": f"Token {token}"}) as client:
                image.wait(lambda: answers(client))
                sent = client.post("/api/v1/spectra/", files={"file": ("one.txt", spectrum_file())}, timeout=60)
                assert sent.status_code == 202, sent.text
                image.wait(lambda: spectrum(client, sent.json()["id"])["state"] == "classified")
            image.wait(lambda: "Sending due task ring-the-doorbell" in image.log.read_text())
        finally:
            image.stop()


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def spectrum(client: httpx.Client, spectrum_id: int) -> dict[str, Any]:
    got: dict[str, Any] = client.get(f"/api/v1/spectra/{spectrum_id}/").json()
    return got
