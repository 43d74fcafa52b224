"""Spectra, files and records that tests start from."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from classifier.preprocess import PreprocessConfig, resample
from classifier.simulation.spectra import INSTRUMENTS, simulate, write_ascii
from classifier.spectrum import Spectrum as SpectrumValue
from classifier.training.dataset import LabelledSpectra
from triage.inference import worker
from triage.intake.submit import Given, submit_spectrum
from triage.models import Classification, Decision, Spectrum, Transient
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal


def observe(class_name: str = "SN Ia", seed: int = 1, redshift: float = 0.03) -> SpectrumValue:
    """Return a simulated spectrum; the same arguments give the same spectrum."""
    random = np.random.default_rng(seed)
    return simulate(class_name, random, redshift=redshift, instrument=INSTRUMENTS[1], signal_to_noise=30)


def spectrum_file(class_name: str = "SN Ia", seed: int = 1, redshift: float = 0.03, **header: str) -> bytes:
    """Return a simulated spectrum as the bytes of a text file.

    header: further keywords of its header.
    """
    return write_ascii(observe(class_name, seed, redshift), header)


def labelled(name: str, redshift: float, count: int = 4) -> LabelledSpectra:
    """Return labelled spectra of one class, all with the same redshift."""
    drawn = [resample(observe(name, seed=seed, redshift=redshift), PreprocessConfig()) for seed in range(1, count + 1)]
    return LabelledSpectra(
        torch.from_numpy(np.stack([spectrum.flux for spectrum in drawn])),
        torch.from_numpy(np.stack([spectrum.covered for spectrum in drawn])),
        torch.zeros(count, dtype=torch.int64),
        torch.full((count,), redshift, dtype=torch.float64),
        tuple(f"{name}{i}" for i in range(count)),
        ("simulated",) * count,
        torch.full((count,), float("nan"), dtype=torch.float64),
        torch.zeros(count, dtype=torch.bool),
        ("",) * count,
    )


def classified(user: User, name: str = "X", seed: int = 1, **given: object) -> Transient:
    """Submit a spectrum of a transient, classify it, and return the transient.

    given: further metadata of the upload, as in ``Given``.
    """
    submit_spectrum(user, spectrum_file(seed=seed), f"{seed}.txt", Given(transient=name, **given))  # type: ignore[arg-type]
    worker.process_backlog()
    return Transient.objects.get(name=name)


def waiting(user: User) -> list[str]:
    """Return the names of the transients that wait for the user."""
    return list(Transient.objects.awaiting_review(user).values_list("name", flat=True))


def vetted(user: User) -> dict[str, str]:
    """Return the vetted class of each transient, by name, as the user sees it."""
    rows = Classification.objects.standing_before(user)
    return dict(rows.values_list("transient__name", "decision__class_name"))


def send(user: User, name: str, seed: int = 1, group: Group | None = None) -> Spectrum:
    """Submit a spectrum of a transient without classifying it."""
    given = Given(transient=name, group=group)
    return submit_spectrum(user, spectrum_file("SN II", seed=seed), f"{seed}.txt", given).spectrum


def classify_all() -> None:
    """Classify the whole backlog."""
    worker.process_backlog()


def reviewed(user: User, name: str) -> Any:
    """Return a transient with the annotations of its review for one user."""
    return Transient.objects.for_review(user).get(name=name)


def queries(browser: Client, address: str) -> int:
    """Return the number of database queries that a page takes."""
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(address).status_code == 200
    return len(captured)


def classified_transients(user: User, count: int) -> list[Transient]:
    """Submit and classify one spectrum of each of the transients T0, T1 …, and return the transients."""
    for seed in range(count):
        send(user, f"T{seed}", seed)
    classify_all()
    return list(Transient.objects.order_by("id"))


def override(user: User, transient: Transient, class_name: str) -> Decision:
    """Override the prediction of a transient with a class."""
    return record_decision(user, transient, Proposal("override", class_name=class_name))
