"""Lines and bands of the figure of a spectrum lie where they are in the medium of its wavelengths."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from classifier.lines import TELLURIC, in_vacuum
from tests.factories import spectrum_file
from triage.intake.submit import Given, submit_spectrum

pytestmark = pytest.mark.django_db


def figure(client: Client, user: User, medium: str) -> dict[str, Any]:
    """Return the figure of a spectrum whose header states the medium of its wavelengths."""
    submit_spectrum(user, spectrum_file(MEDIUM=medium), "one.txt", Given(transient="T"))
    client.force_login(user)
    return dict(json.loads(client.get(reverse("plot", args=["T"])).content))


def bands(drawn: dict[str, Any]) -> list[tuple[float, float]]:
    """Return the first and the last wavelength (Å) of each telluric band."""
    found = _objects(drawn["item"], "BoxAnnotation")
    return sorted((one["left"], one["right"]) for one in found if str(one.get("name")).startswith("telluric"))


def _objects(value: Any, name: str) -> list[dict[str, Any]]:
    """Return the attributes of all models of one type, at any depth."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    found = [one for part in inner for one in _objects(part, name)]
    return [value["attributes"], *found] if isinstance(value, dict) and value.get("name") == name else found


def test_in_a_spectrum_in_vacuum_the_page_moves_the_lines_and_the_figure_the_telluric_bands(
    client: Client, reviewer: User
) -> None:
    drawn = figure(client, reviewer, "vacuum")
    assert drawn["about"]["vacuum"] is True
    assert bands(drawn) == [(in_vacuum(start), in_vacuum(end)) for start, end in TELLURIC]
    assert "Observed wavelength in vacuum (Å)" in json.dumps(drawn["item"], ensure_ascii=False)


def test_in_a_spectrum_in_air_lines_and_bands_lie_where_the_tables_say(client: Client, reviewer: User) -> None:
    drawn = figure(client, reviewer, "air")
    assert drawn["about"]["vacuum"] is False
    assert bands(drawn) == list(TELLURIC)
    assert "Observed wavelength (Å)" in json.dumps(drawn["item"], ensure_ascii=False)
