"""A new epoch that contradicts a well-classified transient says so, at upload and in the queue."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.api_client import API, client_of, upload
from tests.factories import spectrum_file
from triage.inference import worker
from triage.models import Prediction, Transient
from triage.queue.misfit import redshift_misfit

pytestmark = pytest.mark.django_db


def sent(user: User, class_name: str, seed: int, **fields: Any) -> dict[str, Any]:
    answer = upload(
        client_of(user), spectrum_file(class_name, seed=seed), f"{seed}.txt", transient="SN2026abc", **fields
    )
    worker.process_backlog()
    found: dict[str, Any] = client_of(user).get(f"{API}/spectra/{answer.json()['id']}/").json()
    return found


def decide(user: User, class_name: str) -> None:
    verdict = {"verdict": "override", "class_name": class_name}
    assert client_of(user).post(f"{API}/transients/SN2026abc/decisions/", verdict).status_code == 201


def test_a_spectrum_of_another_group_than_the_decided_class_is_a_misfit(reviewer: User, client: Client) -> None:
    sent(reviewer, "SN Ia", 1)
    decide(reviewer, "SN IIn")
    found = sent(reviewer, "SN Ia", 2)
    assert found["prediction"]["class_name"] == "SN Ia"
    assert found["misfit"] == "it looks like SN Ia, but SN2026abc was decided to be SN IIn"


def test_the_results_of_an_upload_say_it_after_a_reload_too(reviewer: User, client: Client) -> None:
    sent(reviewer, "SN Ia", 1)
    decide(reviewer, "SN IIn")
    begun = client_of(reviewer).post(f"{API}/uploads/").json()["id"]
    sent(reviewer, "SN Ia", 2, upload=begun)
    client.force_login(reviewer)
    page = client.get(f"/upload/{begun}/").content.decode()
    assert "It looks like SN Ia, but SN2026abc was decided to be SN IIn. Is it the right transient?" in page


def test_a_spectrum_of_the_decided_class_fits(reviewer: User) -> None:
    sent(reviewer, "SN Ia", 1)
    decide(reviewer, "SN Ia")
    assert sent(reviewer, "SN Ia", 2)["misfit"] == ""


def test_a_redshift_far_from_the_known_one_is_said_at_upload_and_in_the_queue(reviewer: User, client: Client) -> None:
    sent(reviewer, "SN Ia", 1)
    Transient.objects.update(redshift=0.3, redshift_origin="host")
    found = client_of(reviewer).get(f"{API}/spectra/").json()["results"][0]
    detail = client_of(reviewer).get(f"{API}/spectra/{found['id']}/").json()
    assert detail["misfit"].endswith("but z = 0.3 is known")
    client.force_login(reviewer)
    assert "but z = 0.3 is known" in client.get("/").content.decode()


@pytest.mark.parametrize(
    ("known", "estimate", "error", "misfits"),
    [
        (0.03, 0.031, 0.002, False),
        (0.03, 0.045, 0.001, False),
        (0.03, 0.06, 0.001, True),
        (0.03, 0.06, 0.02, False),
        (None, 0.06, 0.001, False),
        (0.03, None, None, False),
        (0.0, 0.05, 0.001, True),
    ],
)
def test_a_redshift_is_a_misfit_only_beyond_its_error_and_beyond_what_a_host_moves(
    known: float | None, estimate: float | None, error: float | None, misfits: bool
) -> None:
    assert bool(redshift_misfit(known, Prediction(redshift=estimate, redshift_error=error))) == misfits
