"""Fields of a report that nobody has entered are those of the spectrum's file, and what is guessed is marked."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import spectrum_file
from tests.fakes.tns import FULL, INSTRUMENTS
from triage.intake.submit import Given, submit_spectrum
from triage.models import Transient
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal
from triage.services.tns.payload import Options, Report, build_report
from triage.services.tns.tables import store_tables

pytestmark = pytest.mark.django_db

HEADER = {"OBSERVER": "A. Observer", "REDUCER": "R. Reducer", "EXPTIME": "1800", "INSTRUME": "SEDM", "TELESCOP": "P60"}
DATE = {"DATE-OBS": "2026-08-01T04:05:06"}


@pytest.fixture(autouse=True)
def _tables() -> None:
    store_tables("live", {"object_types": {120: "TDE"}, "instruments": INSTRUMENTS})


def vetted(user: User, name: str = "a.txt", **header: str) -> Transient:
    submit_spectrum(user, spectrum_file(**header), name, Given(transient="SN 2026abc", redshift=0.05))
    record_decision(user, Transient.objects.get(), Proposal("override", class_name="TDE"))
    return Transient.objects.get()


def told(report: Report) -> dict[str, Any]:
    content: dict[str, Any] = report.payload["classification_report"]["0"]["spectra"]["spectra-group"]["0"]
    return {name: content[name] for name in ("instrumentid", "observer", "reducer", "exptime", "obsdate")}


def test_empty_fields_are_those_of_the_file_and_a_guess_is_a_warning(reviewer: User) -> None:
    report = build_report(reviewer, vetted(reviewer, **HEADER, **DATE), Options())
    assert report.problems == []
    assert told(report) == {
        "instrumentid": 149,
        "observer": "A. Observer",
        "reducer": "R. Reducer",
        "exptime": 1800.0,
        "obsdate": "2026-08-01 04:05:06",
    }
    assert report.warnings == ["The instrument P60 - SEDM is guessed from “SEDM”."]


def test_what_a_person_enters_wins_and_is_no_guess(reviewer: User) -> None:
    options = Options(observer="B", reducer="C", exposure_s=60.0, instrument=30)
    report = build_report(reviewer, vetted(reviewer, **HEADER, **DATE), options)
    assert list(told(report).values())[:4] == [30, "B", "C", 60.0]
    assert report.warnings == []


def test_a_date_from_the_name_of_the_file_is_marked_as_a_guess(reviewer: User) -> None:
    report = build_report(reviewer, vetted(reviewer, "x_20260801.txt", **HEADER), FULL)
    assert told(report)["obsdate"] == "2026-08-01 00:00:00"
    (warning,) = report.warnings
    assert warning.startswith("The time of observation 2026-08-01 00:00 is a guess: the file's name;")


def test_an_instrument_that_several_have_or_nobody_knows_is_left_to_the_person(reviewer: User) -> None:
    transient = vetted(reviewer, **HEADER | {"TELESCOP": "X"}, **DATE)
    store_tables("live", {"instruments": {1: "P48 - SEDM", 149: "P60 - SEDM"}})
    assert told(build_report(reviewer, transient, Options()))["instrumentid"] == ""
    store_tables("live", {"instruments": {1: "P48 - LRIS"}})
    assert told(build_report(reviewer, transient, Options()))["instrumentid"] == ""


def test_the_form_shows_what_the_file_says(reviewer: User, client: Client) -> None:
    vetted(reviewer, **HEADER, **DATE)
    client.force_login(reviewer)
    page = client.get(reverse("tns", args=["SN 2026abc"])).content.decode()
    for said in ("P60 - SEDM", "A. Observer", "R. Reducer", "1800.0"):
        assert f'placeholder="{said}"' in page
    assert "is guessed from “SEDM”" in page
