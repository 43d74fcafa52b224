"""Brightness on the pages: a line beside the network's answer, the phase, and the reason in the queue."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from tests.factories import classified, queries
from tests.light_curves import light_curve, with_brightness
from triage.inference.brightness import measure_due
from triage.intake import photometry
from triage.models import Brightness, NamedMatches, Prediction, ReviewPolicy, Transient
from triage.queue.filters import QueueFilter
from triage.review import bulk
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


@pytest.fixture
def transient(ada: User) -> Transient:
    return with_brightness(ada)


def text_of(client: Client, address: str) -> str:
    """Return the words of a page, without its tags."""
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", "", client.get(address).content.decode()))


def says(**values: object) -> None:
    """Let the light curve say something else."""
    Brightness.objects.update(**values)


def test_the_page_keeps_both_answers_and_folds_the_assumptions(browser: Client, transient: Transient) -> None:
    predicted = Prediction.objects.get().class_name
    says(class_name=predicted, probabilities={predicted: 0.93}, absolute=-21.42)
    page = text_of(browser, reverse("review", args=["X"]))
    assert re.search(rf"Spectrum alone [0-9]+ % {predicted} · with Mr = −21.4: 93 %, not calibrated", page)
    for fact in ("ztfr 18.00 ± 0.03 on MJD 61050.0", "covered", "+10 ± 8 d from maximum", "38.39 at z 0.1", "−0.10"):
        assert fact in page
    assert "E(B−V) not known, nothing taken off" in page


def test_another_class_is_named_and_a_bound_is_called_one(browser: Client, transient: Transient) -> None:
    predicted = Prediction.objects.get().class_name
    says(class_name="TDE", probabilities={predicted: 0.2, "TDE": 0.8}, covered=False)
    page = text_of(browser, reverse("review", args=["X"]))
    assert "with Mr ≤ −20.3: 80 % TDE, not calibrated" in page
    assert re.search(f"{predicted} with it ?20 %", page)


def test_a_light_curve_that_cannot_tell_says_why(browser: Client, ada: User) -> None:
    transient = classified(ada, "X")
    assert "light curve says nothing" not in text_of(browser, reverse("review", args=["X"]))
    photometry.add(ada, transient, light_curve(), "a.csv", None)
    measure_due(60)
    page = text_of(browser, reverse("review", args=["X"]))
    assert "The light curve says nothing about the class: no redshift is known." in page


def test_the_phase_of_the_light_curve_wins_over_that_of_the_library(browser: Client, transient: Transient) -> None:
    prediction = Prediction.objects.get()
    NamedMatches.objects.create(prediction=prediction, library="l", phase=3.0, phase_error=2.0)
    for address in (reverse("review", args=["X"]), reverse("queue")):
        page = text_of(browser, address)
        assert "+10 ± 8 d" in page
        assert "+3 ± 2 d" not in page
    says(phase=None, phase_error=None)
    for address in (reverse("review", args=["X"]), reverse("queue")):
        assert "+3 ± 2 d" in text_of(browser, address)


def test_a_class_that_the_brightness_contradicts_is_doubted_in_the_queue_and_in_bulk(
    browser: Client, ben: User, transient: Transient
) -> None:
    predicted = Prediction.objects.get().class_name
    said = f"brighter than most {predicted}: M_r = −20.3"
    says(class_name="TDE", probabilities={predicted: 0.05, "TDE": 0.95}, surprise=0.9)
    assert said in text_of(browser, reverse("queue"))
    Prediction.objects.update(uncertainty=0.01, conformal_set=[predicted], novelty=0.1, crosscheck=None)
    Transient.objects.get().queue_entries.update(uncertainty=0.01)
    (candidate,) = bulk.proposed(ben, QueueFilter(), 90)
    assert candidate.doubt == said
    says(surprise=0.2)
    assert said not in text_of(browser, reverse("queue"))


@pytest.mark.parametrize("covered", [True, False])
def test_only_a_maximum_that_was_seen_is_called_faint(browser: Client, transient: Transient, covered: bool) -> None:
    predicted = Prediction.objects.get().class_name
    values = {"class_name": "TDE", "probabilities": {predicted: 0.05, "TDE": 0.95}, "surprise": 0.9}
    says(**values, absolute=-12.0, covered=covered)
    assert (f"fainter than most {predicted}" in text_of(browser, reverse("queue"))) == covered
    says(absolute=-24.0)
    assert f"brighter than most {predicted}" in text_of(browser, reverse("queue"))


def test_a_class_that_the_brightness_makes_sure_is_named_in_the_queue_and_is_no_doubt(
    browser: Client, ben: User, transient: Transient
) -> None:
    predicted = Prediction.objects.get().class_name
    Prediction.objects.update(uncertainty=0.5, conformal_set=[predicted], novelty=0.1, crosscheck=None)
    Transient.objects.get().queue_entries.update(uncertainty=0.5)
    says(class_name=predicted, probabilities={predicted: 0.93, "TDE": 0.07}, surprise=0.43)
    assert f"M_r = −20.3 speaks for {predicted}" in text_of(browser, reverse("queue"))
    (candidate,) = bulk.proposed(ben, QueueFilter(), 50)
    assert "M_r" not in candidate.doubt


def test_the_page_tells_how_bright_it_was_when_the_spectrum_was_taken(browser: Client, transient: Transient) -> None:
    page = text_of(browser, reverse("review", args=["X"]))
    # (11 / 20)² fainter than at maximum.
    assert re.search(r"At the spectrum’s date ?−19\.98 ± 0\.[0-9]+", page)
    says(absolute_then=None, absolute_then_error=None)
    assert "At the spectrum’s date" not in text_of(browser, reverse("review", args=["X"]))


def test_a_groups_light_curve_changes_nothing_on_the_pages_of_others(
    browser: Client, ada: User, ben: User, transient: Transient
) -> None:
    predicted = Prediction.objects.get().class_name
    group = Group.objects.create(name="ePESSTO")
    says(group=group, class_name="TDE", probabilities={predicted: 0.05, "TDE": 0.95}, surprise=0.9)
    for address in (reverse("review", args=["X"]), reverse("queue")):
        page = text_of(browser, address)
        assert "M_r" not in page
        assert "Spectrum alone" not in page
        assert "+10 ± 8 d" not in page
    ben.groups.add(group)
    assert "Spectrum alone" in text_of(browser, reverse("review", args=["X"]))
    assert "brighter than most" in text_of(browser, reverse("queue"))


def test_a_reviewer_who_owes_a_blind_vote_sees_no_brightness(browser: Client, ada: User, transient: Transient) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])
    record_decision(ada, transient, Proposal("override", class_name="TDE"))
    for address in (reverse("review", args=["X"]), reverse("queue")):
        page = text_of(browser, address)
        assert "Spectrum alone" not in page
        assert "than most" not in page


def test_more_light_curves_cost_the_queue_no_more_queries(browser: Client, ada: User, transient: Transient) -> None:
    before = queries(browser, reverse("queue"))
    for seed in (2, 3):
        other = classified(ada, f"Y{seed}", seed=seed, redshift=0.1)
        photometry.add(ada, other, light_curve(), "a.csv", None)
    measure_due(60)
    assert Brightness.objects.count() == 3
    assert queries(browser, reverse("queue")) == before
