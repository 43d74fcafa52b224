"""Confirmation in bulk and its undo, on the page and underneath."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from tests.api_client import API, session_client
from tests.factories import classified, classified_transients, override, reviewed
from triage.models import Claim, Classification, Decision, Prediction, ReviewPolicy, Transient
from triage.review import bulk, claims, decisions

pytestmark = pytest.mark.django_db


def bulk_rows(browser: Client, **query: Any) -> Any:
    return browser.get(reverse("bulk"), query).context["rows"]


def test_the_surest_predictions_can_be_confirmed_and_undone_together(browser: Client, ada: User, ben: User) -> None:
    classified_transients(ada, 4)
    Claim.objects.create(**held(ada, "T3"))
    rows = bulk_rows(browser, threshold="50")
    assert {row.transient.name for row in rows} <= {"T0", "T1", "T2"}
    assert [row.prediction.uncertainty for row in rows] == sorted(row.prediction.uncertainty for row in rows)
    assert all(row.prediction.uncertainty <= 0.5 for row in rows)
    sent = {f"{row.name}": row.current_prediction_id for row in Transient.objects.for_review(ben)}
    answer = browser.post(
        reverse("bulk"), {"row": [f"{pk} {name}" for name, pk in sent.items()], "last_decision": "0"}, follow=True
    )
    page = answer.content.decode()
    assert "3 classifications confirmed" in page
    assert "T3 was not confirmed: ada has been looking" in page
    batch = Decision.objects.filter(verdict="confirm").values_list("batch", flat=True).distinct().get()
    assert reverse("undo-bulk", args=[batch]) in page
    assert Classification.objects.filter(vetted=True).count() == 3
    page = browser.post(reverse("undo-bulk", args=[batch]), follow=True).content.decode()
    assert "3 decisions undone" in page
    assert not Classification.objects.exists()
    assert "all undone" in browser.get(reverse("bulk")).content.decode()
    assert "0 decisions undone" in browser.post(reverse("undo-bulk", args=[batch]), follow=True).content.decode()


def test_a_batch_says_what_waits_for_a_second_opinion(browser: Client, ada: User) -> None:
    classified_transients(ada, 3)
    seen = {row.spectrum.transient.name: row for row in Prediction.objects.select_related("spectrum__transient")}
    least, second, _ = sorted(prediction.probability for prediction in seen.values())
    ReviewPolicy.objects.create(class_names=[], below=(least + second) / 2)
    rows = [f"{prediction.pk} {name}" for name, prediction in seen.items()]
    page = browser.post(reverse("bulk"), {"row": rows, "last_decision": "0"}, follow=True).content.decode()
    assert Classification.objects.filter(vetted=True).count() == 2
    said = "2 classifications confirmed, 1 waits for a second opinion"
    assert said in page
    assert said in browser.get(reverse("bulk")).content.decode()


def test_the_result_names_what_waits_for_a_second_opinion(ada: User) -> None:
    classified_transients(ada, 2)
    ReviewPolicy.objects.create(class_names=[], below=1)
    seen = {row.name: row.current_prediction_id for row in Transient.objects.for_review(ada)}
    answer = session_client(ada).post(f"{API}/queue/bulk/", {"predictions": seen}, format="json").json()
    assert sorted(answer["second_opinion"]) == sorted(answer["confirmed"]) == ["T0", "T1"]


def held(user: User, name: str) -> dict[str, Any]:
    transient = Transient.objects.get(name=name)
    claim = claims.claim(user, transient)
    values = {"transient": transient, "reviewer": user, "since": claim.since, "until": claim.until}
    claim.delete()
    return values


def test_bulk_confirmation_skips_transients_decided_since_the_preview(ada: User, ben: User) -> None:
    transients = classified_transients(ada, 2)
    seen = bulk.newest_decision(ben)
    predictions = {row.name: row.current_prediction_id for row in Transient.objects.for_review(ben)}
    override(ada, transients[0], "AGN")
    result = bulk.confirm(ben, predictions, seen)
    assert result.confirmed == ["T1"]
    assert "ada decided while you looked" in result.refused[0][1]


def test_the_preview_does_not_count_the_decisions_of_others_groups(make_user: Callable[..., User], ben: User) -> None:
    member = make_user("member", "theirs")
    private = classified(member, "secret", group=Group.objects.get(name="theirs"))
    before = bulk.newest_decision(ben)
    assert override(member, private, "AGN").pk == bulk.newest_decision(member)
    assert bulk.newest_decision(ben) == before


def test_a_batch_sent_twice_is_recorded_once_and_undone_as_a_whole(ada: User) -> None:
    classified_transients(ada, 1)
    seen, predictions = bulk.newest_decision(ada), {"T0": reviewed(ada, "T0").current_prediction_id}
    first = bulk.confirm(ada, predictions, seen)
    assert bulk.confirm(ada, predictions, seen) == first
    assert Decision.objects.count() == 1
    assert bulk.undo(ada, first.batch) == 1
    assert Classification.objects.count() == 0


def test_a_part_of_a_batch_that_is_sent_again_is_counted_alone(ada: User) -> None:
    classified_transients(ada, 2)
    ReviewPolicy.objects.create(class_names=[], below=1)
    seen = {row.name: row.current_prediction_id for row in Transient.objects.for_review(ada)}
    bulk.confirm(ada, seen)
    again = bulk.confirm(ada, {"T1": seen["T1"]})
    assert (again.confirmed, again.second_opinion) == (["T1"], ["T1"])


def test_a_decision_that_cannot_be_undone_does_not_block_the_rest_of_its_batch(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [transient.name for transient in classified_transients(ada, 2)]
    result = bulk.confirm(ada, {name: reviewed(ada, name).current_prediction_id for name in names}, 0)
    undo = decisions.undo

    def slower(user: User, pk: int) -> Decision:
        """Undo the decision first, as another request would."""
        if not Decision.objects.filter(verdict="undo").exists():
            undo(user, pk)
        return undo(user, pk)

    monkeypatch.setattr(decisions, "undo", slower)
    assert bulk.undo(ada, result.batch) == 1
    assert Classification.objects.count() == 0


def test_a_batch_can_be_undone_only_by_its_owner(browser: Client, ada: User) -> None:
    (transient,) = classified_transients(ada, 1)
    result = bulk.confirm(ada, {"T0": reviewed(ada, "T0").current_prediction_id}, 0)
    for batch in (result.batch, uuid.uuid4()):
        page = browser.post(reverse("undo-bulk", args=[batch]), follow=True).content.decode()
        assert "There is no such batch" in page
    assert Classification.objects.get().transient == transient


@pytest.mark.parametrize(
    "sent", [{}, {"row": "T0"}, {"row": "x T0"}, {"row": "9" * 30 + " T0"}, {"row": "1 none"}, {"row": "1 a\0b"}]
)
def test_an_invalid_bulk_form_confirms_nothing(browser: Client, ada: User, sent: dict[str, str]) -> None:
    classified_transients(ada, 1)
    assert browser.post(reverse("bulk"), sent, follow=True).status_code == 200
    assert not Decision.objects.exists()
    for threshold in ("nan", "-5", "1e999", "x"):
        assert browser.get(reverse("bulk"), {"threshold": threshold}).status_code == 200
