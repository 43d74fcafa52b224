"""Measurement of a line over REST."""

from __future__ import annotations

import numpy as np
import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from tests.api_client import API, client_of, upload
from triage.inference import worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(reviewer: User) -> APIClient:
    return client_of(reviewer)


@pytest.fixture
def address(api: APIClient) -> str:
    wavelength = np.arange(3600.0, 9200.0, 4.0)
    flux = 1 - 0.4 * np.exp(-0.5 * ((wavelength - 6150) / 40) ** 2)
    noise = 0.01 * np.random.default_rng(1).normal(size=flux.size)
    rows = "\n".join(f"{w} {f:.5f}" for w, f in zip(wavelength, flux + noise, strict=True))
    return f"{API}/spectra/{upload(api, rows.encode(), transient='SN 2026abc').json()['id']}/line/"


def test_a_line_is_measured_and_named(api: APIClient, address: str) -> None:
    worker.process_backlog()
    line = api.get(address, {"low": 5950, "high": 6350, "redshift": 0.0}).json()
    assert line["emission"] is False
    assert line["minimum"]["value"] == pytest.approx(6150, abs=10)
    assert line["fwhm"]["value"] == pytest.approx(94, abs=10)
    velocities = {(one["name"], one["rest"]): one["velocity"]["value"] for one in line["lines"]}
    assert velocities["Si II", 6355.0] == pytest.approx(-9850, abs=500)


def test_without_a_redshift_no_line_is_named(api: APIClient, address: str) -> None:
    assert api.get(address, {"low": 5950, "high": 6350}).json()["lines"] == []


def test_a_stretch_with_few_samples_is_refused_with_a_code(api: APIClient, address: str) -> None:
    answer = api.get(address, {"low": 100, "high": 200})
    assert (answer.status_code, answer.json()["code"]) == (400, "too_few_samples")
    assert answer.json()["detail"].startswith("the stretch has 0 samples")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"low": 6350, "high": 5950}, "non_field_errors"),
        ({"low": 5950, "high": 6350, "redshift": 99}, "non_field_errors"),
        ({"low": "nan", "high": 6350}, "low"),
        ({"high": 6350}, "low"),
    ],
)
def test_a_stretch_that_cannot_be_measured_is_refused(
    api: APIClient, address: str, query: dict[str, float | str], field: str
) -> None:
    answer = api.get(address, query)
    assert answer.status_code == 400
    assert field in answer.json()["fields"]
