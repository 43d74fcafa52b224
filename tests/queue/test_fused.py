"""The fused answer of a transient's epochs, and the doubts that it raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from tests.factories import spectrum_file
from triage.inference import worker
from triage.intake.submit import Given, submit_spectrum
from triage.models import Prediction, Spectrum
from triage.queue import entries, reasons
from triage.queue.filters import QueueFilter
from triage.queue.fused import fused_answer
from triage.review import bulk

pytestmark = pytest.mark.django_db


def epochs(user: User, count: int) -> list[Spectrum]:
    for seed in range(count):
        submit_spectrum(user, spectrum_file(seed=seed + 20), f"{seed}.txt", Given(transient="X"))
    worker.process_backlog()
    return list(Spectrum.objects.select_related("current_prediction").order_by("id"))


def test_a_single_spectrum_is_not_fused(reviewer: User) -> None:
    assert fused_answer(epochs(reviewer, 1)) is None


def test_several_epochs_are_fused_without_the_bad_ones(reviewer: User, client: APIClient) -> None:
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


def test_a_likely_duplicate_of_an_epoch_counts_with_it_and_is_marked(reviewer: User, client: APIClient) -> None:
    epochs(reviewer, 2)
    content = spectrum_file(seed=20)
    submit_spectrum(reviewer, content + b"# sent by another\n", "copy.txt", Given(transient="X"))
    worker.process_backlog()
    client.force_login(reviewer)
    assert client.get("/api/v1/transients/X/").json()["fused"]["epochs"] == 2
    assert "· copy" in client.get("/transients/X/").content.decode()


def test_a_copy_of_a_bad_epoch_does_not_count(reviewer: User) -> None:
    epochs(reviewer, 3)
    submit_spectrum(reviewer, b"# again\n" + spectrum_file(seed=20), "copy.txt", Given(transient="X"))
    worker.process_backlog()
    Spectrum.objects.filter(filename="0.txt").update(rejected=True)
    answer = fused_answer(list(Spectrum.objects.select_related("current_prediction")))
    assert answer is not None
    assert answer.epochs == 2


def test_an_epoch_that_contradicts_the_others_is_named(reviewer: User) -> None:
    spectra = epochs(reviewer, 4)
    names = list(spectra[0].current_prediction.probabilities)
    for spectrum, favourite in zip(spectra, (names[0], names[0], names[0], names[1]), strict=True):
        spectrum.current_prediction.probabilities = {n: 0.93 if n == favourite else 0.005 for n in names}
    answer = fused_answer(spectra)
    assert answer is not None
    assert answer.class_name == names[0]
    assert answer.contradictory == [spectra[3].pk]


def say(spectrum: Spectrum, **probabilities: float) -> None:
    """Set the prediction of a spectrum.

    probabilities: class → probability, with _ for spaces in names; all other classes get 0.
    """
    prediction = Prediction.objects.get(spectrum=spectrum)
    said = dict.fromkeys(prediction.probabilities, 0.0) | {n.replace("_", " "): p for n, p in probabilities.items()}
    best = max(said, key=lambda name: said[name])
    values = {"class_name": best, "uncertainty": 1 - said[best], "probabilities": said, "conformal_set": [best]}
    Prediction.objects.filter(pk=prediction.pk).update(**values, novelty=0.5, crosscheck=None)
    entries.refresh(spectrum.transient_id)


def test_contradictory_epochs_raise_a_doubt_in_bulk_confirmation(
    reviewer: User, django_assert_max_num_queries: Any
) -> None:
    torn = epochs(reviewer, 3)
    say(torn[0], SN_Ia=0.99, SN_II=0.01)
    say(torn[1], SN_Ibn=0.6, SN_Ia=0.2, SN_IIn=0.2)
    say(torn[2], SN_IIn=0.7, SN_Ia=0.2, SN_Ibn=0.1)
    with django_assert_max_num_queries(5):
        (row,) = bulk.proposed(reviewer, QueueFilter(), 95)
    assert row.doubt == "epochs disagree: SN IIn and SN Ibn too"
    assert "its epochs disagree" in row.reason
    for spectrum in torn[1:]:
        say(spectrum, SN_Ia=0.9, SN_II=0.1)
    assert bulk.proposed(reviewer, QueueFilter(), 95)[0].doubt == ""


def test_a_copy_that_disagrees_with_its_original_raises_no_doubt(reviewer: User) -> None:
    first, second = epochs(reviewer, 2)
    again = b"# again\n" + spectrum_file(seed=20)
    copy = submit_spectrum(reviewer, again, "copy.txt", Given(transient="X")).spectrum
    worker.process_backlog()
    for spectrum in (first, second):
        say(spectrum, SN_Ia=0.99, SN_II=0.01)
    say(copy, SN_II=0.98, SN_Ia=0.02)
    assert copy.likely_duplicate_of == first
    assert bulk.proposed(reviewer, QueueFilter(), 95)[0].doubt == ""


def test_an_epoch_that_the_reader_may_not_see_raises_no_doubt(make_user: Callable[..., User]) -> None:
    stranger, member = make_user("stranger"), make_user("member", "inner")
    (shown,) = epochs(member, 1)
    inner = submit_spectrum(member, spectrum_file(seed=30), "i.txt", Given(transient="X", group=member.groups.get()))
    worker.process_backlog()
    say(shown, SN_Ia=0.99, SN_II=0.01)
    say(inner.spectrum, SN_II=0.98, SN_Ia=0.02)
    assert bulk.proposed(stranger, QueueFilter(), 95)[0].doubt == ""
    assert bulk.proposed(member, QueueFilter(), 95)[0].doubt.startswith("epochs disagree")


def test_a_template_match_of_another_class_is_a_reason_to_look(reviewer: User) -> None:
    (spectrum,) = epochs(reviewer, 1)
    prediction: Prediction = spectrum.current_prediction
    prediction.crosscheck = {"class": "TDE", "redshift": 0.1, "score": 20.0, "template": 3}
    assert "templates say TDE" in reasons.reason(prediction)
    prediction.crosscheck = {"class": "TDE", "redshift": 0.1, "score": 5.0, "template": 3}
    assert "templates" not in reasons.reason(prediction)
