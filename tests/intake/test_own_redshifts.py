"""A person's correction of a transient's redshift, and the redshifts that came with its spectra."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from tests.api_client import API, client_of, upload
from tests.factories import spectrum_file
from triage.export import classifications
from triage.inference import worker
from triage.intake.facts import correct_spectrum, correct_transient, undo_transient_act
from triage.models import Spectrum, Transient, TransientAct
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db
HOST = {"redshift": 0.05, "redshift_origin": "host"}


@pytest.fixture
def api(reviewer: User) -> APIClient:
    return client_of(reviewer)


@pytest.fixture
def transient(api: APIClient) -> Transient:
    upload(api, transient="SN2007ri", redshift="0.1918")
    worker.process_backlog()
    return Transient.objects.get()


def used(spectrum: Spectrum | None = None) -> float | None:
    """Return the redshift that a spectrum, or the only one, is classified with."""
    worker.process_backlog()
    stored = spectrum or Spectrum.objects.get()
    stored.refresh_from_db()
    assert stored.current_prediction is not None
    return stored.current_prediction.redshift_used


def exported(user: User, transient: Transient) -> tuple[Any, Any]:
    (row,) = map(classifications.as_row, classifications.vetted(user, classifications.Wanted()))
    return row["redshift"], row["redshift_origin"]


def test_a_correction_of_the_transient_replaces_the_redshift_of_an_upload(
    api: APIClient, transient: Transient, client: Client, reviewer: User
) -> None:
    assert api.patch(f"{API}/transients/SN2007ri/", HOST, format="json").status_code == 200
    assert used() == 0.05
    client.force_login(reviewer)
    figure = client.get("/transients/SN2007ri/plot/").content.decode().replace(" ", "")
    assert '"redshift":0.05,' in html.unescape(figure)
    transient.refresh_from_db()
    record_decision(reviewer, transient, Proposal("override", class_name="SN Ia"))
    assert exported(reviewer, transient) == (0.05, "host")


def test_an_earlier_decision_keeps_its_redshift(transient: Transient, reviewer: User) -> None:
    record_decision(reviewer, transient, Proposal("override", class_name="SN Ia"))
    correct_transient(reviewer, transient, HOST)
    assert exported(reviewer, transient) == (0.1918, "upload")


def test_undoing_the_correction_restores_the_redshift_of_the_upload_and_can_be_undone(
    transient: Transient, reviewer: User, client: Client
) -> None:
    correct_transient(reviewer, transient, HOST)
    undo_transient_act(reviewer, TransientAct.objects.get())
    assert Spectrum.objects.get().stated_redshift == used() == 0.1918
    transient.refresh_from_db()
    assert (transient.redshift, transient.redshift_origin) == (0.1918, "upload")
    client.force_login(reviewer)
    page = client.get("/transients/SN2007ri/facts/").content.decode()
    assert "own redshifts: 0.1918 → unknown" in page
    undo_transient_act(reviewer, TransientAct.objects.all()[0])
    assert Spectrum.objects.get().stated_redshift is None
    assert used() == 0.05


def test_a_redshift_that_the_spectrum_gets_later_wins_and_outlives_the_undoing(
    transient: Transient, reviewer: User
) -> None:
    correct_transient(reviewer, transient, HOST)
    correct_spectrum(reviewer, Spectrum.objects.get(), {"redshift": 0.06})
    assert used() == 0.06
    undo_transient_act(reviewer, TransientAct.objects.get())
    assert used() == 0.06


def test_the_redshift_of_another_audience_stays(make_user: Callable[..., User], transient: Transient) -> None:
    member = make_user("member", "A")
    upload(client_of(member), spectrum_file(seed=2), "b.txt", transient="SN2007ri", redshift="0.19", group="A")
    private = Spectrum.objects.get(group__name="A")
    correct_transient(User.objects.get(username="reviewer"), transient, HOST)
    assert used(private) == 0.19
    assert list(transient.acts.get().detail["own_redshifts"][0].values()) == [0.1918]


def test_a_group_corrects_its_own_transient(make_user: Callable[..., User]) -> None:
    member = make_user("member", "A")
    upload(client_of(member), transient="SN2007ri", redshift="0.1918", group="A")
    correct_transient(member, Transient.objects.get(), HOST)
    assert used() == 0.05
