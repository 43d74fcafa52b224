"""What a prediction rests on: kept with it, shown as a strip and in words, and compared with other spectra's."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.web.test_pages import classify_all, send
from triage import evidence, review
from triage.models import Prediction, PredictionEvidence, Spectrum
from triage.twins import _Kept, twins

pytestmark = pytest.mark.django_db


def spoken(peaks: dict[float, float], class_name: str = "SN Ia", redshift: float = 0.05) -> PredictionEvidence:
    """Evidence with Gaussian peaks, rest wavelength → height."""
    first, last = 2000 * (1 + redshift), 11000 * (1 + redshift)
    wavelength = np.geomspace(first, last, 256)
    values = sum(height * np.exp(-0.5 * ((wavelength / (1 + redshift) - at) / 40) ** 2) for at, height in peaks.items())
    return PredictionEvidence(
        class_name=class_name,
        wavelength_first=first,
        wavelength_last=last,
        contribution=np.round(127 * np.clip(values, -1, 1)).astype(np.int8).tobytes(),
    )


def test_the_line_that_decided_is_named_at_the_usual_velocity_of_its_gas() -> None:
    words = evidence.words(spoken({6140: 1.0, 5450: 0.3}), 0.05)
    assert words.startswith("Si II 6355 (")
    assert "S II 56" in words or "S II 54" in words
    assert words.endswith("spoke most for SN Ia")


def test_narrow_lines_of_other_classes_are_named_where_they_lie() -> None:
    assert evidence.words(spoken({4861: 1.0}, "AGN"), 0.05).startswith("Hβ 4861 (")


def test_what_speaks_against_it_is_said_where_it_weighs() -> None:
    assert "; against it Hα 6563 (" in evidence.words(spoken({5876: 0.9, 6563: -0.9}, "AGN"), 0.05)
    assert "against" not in evidence.words(spoken({5876: 0.9, 6563: -0.1}, "AGN"), 0.05)


def test_without_a_redshift_wavelengths_are_named_and_no_lines() -> None:
    words = evidence.words(spoken({6140: 1.0}), None)
    assert "Å" in words
    assert "Si II" not in words


def test_evidence_that_is_flat_names_nothing() -> None:
    assert evidence.words(spoken({}), 0.05) == "No single wavelength decided for SN Ia"


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    # The ids of one test's predictions are those of the next one's too.
    monkeypatch.setattr("triage.twins._kept", _Kept())


@pytest.fixture
def night(reviewer: User) -> Any:
    for number in range(3):
        send(reviewer, f"T{number}", seed=number + 1)
    classify_all()
    return reviewer


def test_every_new_prediction_has_its_evidence(client: Client, night: User) -> None:
    prediction = Prediction.objects.select_related("evidence").first()
    assert prediction is not None
    wavelength, contribution = evidence.contribution(prediction.evidence)
    assert wavelength.size == contribution.size == 256
    assert np.abs(contribution).max() == 1
    assert prediction.evidence.class_name == prediction.class_name
    client.force_login(night)
    answer = client.get(reverse("plot", args=["T0"]))
    assert len(answer.content) < 150_000
    assert "spoke most for" in json.loads(answer.content)["about"]["spoke"]


def test_a_prediction_of_an_earlier_desk_shows_none(client: Client, night: User) -> None:
    PredictionEvidence.objects.all().delete()
    client.force_login(night)
    answer = json.loads(client.get(reverse("plot", args=["T0"])).content)
    assert answer["about"]["spoke"] is None
    assert client.get(reverse("twins", args=["T0"])).status_code == 200


def test_twins_are_vetted_most_alike_first_and_never_the_transient_itself(night: User) -> None:
    spectra = list(Spectrum.objects.select_related("current_prediction__spectrum", "transient").order_by("id"))
    assert twins(night, spectra[0].current_prediction) == []
    for spectrum in spectra:
        review.record_decision(night, spectrum.transient, review.Proposal("override", class_name="SN Ia"))
    found = twins(night, spectra[0].current_prediction)
    assert {twin.spectrum.transient.name for twin in found} <= {"T1", "T2"}
    assert [twin.likeness for twin in found] == sorted((twin.likeness for twin in found), reverse=True)
    assert all(twin.class_name == "SN Ia" for twin in found)


def test_a_twin_that_is_private_is_shown_to_its_group_alone(client: Client, make_user: Any) -> None:
    owner, stranger = make_user("owner", "inner"), make_user("stranger")
    send(owner, "open")
    send(owner, "secret", seed=2, group=owner.groups.get())
    classify_all()
    PredictionEvidence.objects.update(embedding=np.ones(768, "<f2").tobytes())
    secret = Spectrum.objects.select_related("transient").get(transient__name="secret")
    review.record_decision(owner, secret.transient, review.Proposal("override", class_name="SN Ia"))
    for user, seen in ((owner, True), (stranger, False)):
        client.force_login(user)
        assert ("secret" in client.get(reverse("twins", args=["open"])).content.decode()) is seen
