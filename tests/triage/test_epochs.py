"""What several epochs of a transient say together."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from tests.conftest import spectrum_file
from triage import inference, queue
from triage.epochs import fused_answer
from triage.intake import Given, submit_spectrum
from triage.models import Prediction, Spectrum

pytestmark = pytest.mark.django_db


def epochs(user: User, count: int) -> list[Spectrum]:
    for seed in range(count):
        submit_spectrum(user, spectrum_file(seed=seed + 20), f"{seed}.txt", Given(transient="X"))
    inference.process_queue()
    return list(Spectrum.objects.select_related("current_prediction").order_by("id"))


def test_one_spectrum_needs_no_fusion(reviewer: User) -> None:
    assert fused_answer(epochs(reviewer, 1)) is None


def test_several_are_fused_and_those_called_bad_are_not_heard(reviewer: User, client: APIClient) -> None:
    spectra = epochs(reviewer, 3)
    answer = fused_answer(spectra)
    assert answer is not None
    assert answer.epochs == 3
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    client.force_login(reviewer)
    told = client.get("/api/v1/transients/X/").json()["fused"]
    assert told["class_name"] == answer.class_name
    assert "epochs together" in client.get("/transients/X/").content.decode()
    spectra[0].rejected = True
    left = fused_answer(spectra)
    assert left is not None
    assert left.epochs == 2


def test_an_epoch_that_speaks_against_the_rest_is_named(reviewer: User) -> None:
    spectra = epochs(reviewer, 4)
    names = list(spectra[0].current_prediction.probabilities)
    for spectrum, favourite in zip(spectra, (names[0], names[0], names[0], names[1]), strict=True):
        spectrum.current_prediction.probabilities = {n: 0.93 if n == favourite else 0.005 for n in names}
    answer = fused_answer(spectra)
    assert answer is not None
    assert answer.class_name == names[0]
    assert answer.contradictory == [spectra[3].pk]


def test_templates_that_say_otherwise_are_a_reason_to_look(reviewer: User) -> None:
    (spectrum,) = epochs(reviewer, 1)
    prediction: Prediction = spectrum.current_prediction
    prediction.crosscheck = {"class": "TDE", "redshift": 0.1, "score": 20.0, "template": 3}
    assert "templates say TDE" in queue.reason(prediction)
    prediction.crosscheck = {"class": "TDE", "redshift": 0.1, "score": 5.0, "template": 3}
    assert "templates" not in queue.reason(prediction)
