"""Attributions are stored with each prediction and shown as a strip and in words; look-alikes are near in embedding."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import classify_all, send
from triage.inference import attribution
from triage.models import Prediction, PredictionEvidence, Spectrum
from triage.review import decisions
from triage.review.lookalikes import _EmbeddingCache, look_alikes
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    # The next test's predictions have the same ids, so the cache must be empty.
    monkeypatch.setattr("triage.review.lookalikes._cache", _EmbeddingCache())


@pytest.fixture
def night(reviewer: User) -> Any:
    for number in range(3):
        send(reviewer, f"T{number}", seed=number + 1)
    classify_all()
    return reviewer


def test_every_new_prediction_has_its_attribution(client: Client, night: User) -> None:
    prediction = Prediction.objects.select_related("evidence").first()
    assert prediction is not None
    wavelength, contribution = attribution.contribution(prediction.evidence)
    assert wavelength.size == contribution.size == 512
    assert np.abs(contribution).max() == 1
    assert prediction.evidence.class_name == prediction.class_name
    client.force_login(night)
    answer = client.get(reverse("plot", args=["T0"]))
    assert len(answer.content) < 150_000
    assert "spoke most for" in json.loads(answer.content)["about"]["spoke"]


def test_a_prediction_stored_without_an_attribution_shows_none(client: Client, night: User) -> None:
    PredictionEvidence.objects.all().delete()
    client.force_login(night)
    answer = json.loads(client.get(reverse("plot", args=["T0"])).content)
    assert answer["about"]["spoke"] is None
    assert client.get(reverse("twins", args=["T0"])).status_code == 200


def test_look_alikes_are_vetted_sorted_by_likeness_and_never_the_transient_itself(night: User) -> None:
    spectra = list(Spectrum.objects.select_related("current_prediction__spectrum", "transient").order_by("id"))
    assert look_alikes(night, spectra[0].current_prediction) == []
    for spectrum in spectra:
        decisions.record_decision(night, spectrum.transient, Proposal("override", class_name="SN Ia"))
    found = look_alikes(night, spectra[0].current_prediction)
    assert {twin.spectrum.transient.name for twin in found} <= {"T1", "T2"}
    assert [twin.likeness for twin in found] == sorted((twin.likeness for twin in found), reverse=True)
    assert all(twin.class_name == "SN Ia" for twin in found)


def test_a_private_look_alike_is_shown_to_its_group_only(client: Client, make_user: Any) -> None:
    owner, stranger = make_user("owner", "inner"), make_user("stranger")
    send(owner, "open")
    send(owner, "secret", seed=2, group=owner.groups.get())
    classify_all()
    PredictionEvidence.objects.update(embedding=np.ones(768, "<f2").tobytes())
    secret = Spectrum.objects.select_related("transient").get(transient__name="secret")
    decisions.record_decision(owner, secret.transient, Proposal("override", class_name="SN Ia"))
    for user, seen in ((owner, True), (stranger, False)):
        client.force_login(user)
        assert ("secret" in client.get(reverse("twins", args=["open"])).content.decode()) is seen
