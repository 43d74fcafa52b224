"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import Group, User

from classifier.simulate import INSTRUMENTS, simulate, write_ascii
from classifier.spectrum import Spectrum as SpectrumValue
from tests.backends import choose

SHARED = Path(__file__).resolve().parents[2] / "shared"

# Playwright runs an event loop of its own in the test's thread, which Django takes for an asynchronous view.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def pytest_report_header() -> str:
    database, redis = choose()
    return f"database: {'Postgres' if database else 'SQLite'}, broker: {'Redis' if redis else 'filesystem'}"


def observe(class_name: str = "SN Ia", seed: int = 1, redshift: float = 0.03) -> SpectrumValue:
    """A simulated spectrum, the same for the same arguments."""
    random = np.random.default_rng(seed)
    return simulate(class_name, random, redshift=redshift, instrument=INSTRUMENTS[1], signal_to_noise=30)


def spectrum_file(class_name: str = "SN Ia", seed: int = 1, redshift: float = 0.03, **header: str) -> bytes:
    """Such a spectrum as a text file."""
    return write_ascii(observe(class_name, seed, redshift), header)


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    def make(name: str, *groups: str) -> User:
        user = User.objects.create_user(name, password="a long password")
        user.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
        return user

    return make


@pytest.fixture
def reviewer(make_user: Callable[..., User]) -> User:
    return make_user("reviewer")


@pytest.fixture(scope="session")
def raw_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real files of the archive, unpacked; skipped where they are not beside the project."""
    archive = SHARED / "raw.tar.xz"
    if not archive.exists():
        pytest.skip(f"{archive} is not here")
    import tarfile

    folder = tmp_path_factory.mktemp("raw")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / "raw"
