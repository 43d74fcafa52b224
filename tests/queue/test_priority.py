"""The priority of a transient, and the order of the queue that it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from classifier.taxonomy import load_taxonomy
from tests.factories import reviewed
from triage.models import Checkpoint, Original, Prediction, QueueEntry, Spectrum, SpectrumState, Transient
from triage.queue import entries, priority, reasons
from triage.queue.filters import QueueFilter

SHARE = st.floats(0, 1)
CLASS = st.sampled_from(load_taxonomy().names)
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def templates(class_name: str, score: float) -> dict[str, Any]:
    return {"class": class_name, "redshift": 0.1, "score": score}


def worth(
    class_name: str = "SN Ia",
    uncertainty: float = 0.1,
    novelty: float = 0.5,
    crosscheck: dict[str, Any] | None = None,
    contradiction: float = 0.0,
    surprise: float = 0.0,
) -> float:
    return sum(priority.contributions(class_name, uncertainty, novelty, crosscheck, contradiction, surprise).values())


@given(CLASS, st.tuples(SHARE, SHARE, SHARE, SHARE, SHARE), st.integers(0, 4), SHARE)
def test_the_value_lies_between_0_and_1_and_never_falls_when_a_part_grows(
    name: str, parts: tuple[float, ...], which: int, more: float
) -> None:
    def of(parts: Sequence[float]) -> float:
        uncertainty, novelty, score, contradiction, surprise = parts
        return worth(name, uncertainty, novelty, templates("LBV", 100 * score), contradiction, surprise)

    larger = list(parts)
    larger[which] += more * (1 - larger[which])
    assert 0 <= of(parts) <= of(larger) <= 1 + 1e-9


def test_weights_add_up_to_one() -> None:
    assert sum(priority.WEIGHTS.values()) == pytest.approx(1)


def test_each_part_raises_the_value() -> None:
    assert worth(uncertainty=0.5) > worth()
    assert worth(novelty=0.99) > worth(novelty=0.9) > worth()
    assert worth(crosscheck=templates("TDE", 30)) > worth(crosscheck=templates("TDE", 15)) > worth()
    assert worth(crosscheck=templates("TDE", 11)) == worth(crosscheck=templates("SN Ia", 30)) == worth()
    assert worth(contradiction=0.5) > worth()
    assert worth(surprise=0.5) > worth()


def test_a_rare_class_comes_before_a_common_one_of_equal_uncertainty() -> None:
    assert worth("SLSN-II") > worth("TDE") > worth("SN II") > worth("SN Ia")
    # A class without a count in the archives, and a name that is not in the taxonomy, are not rare.
    assert worth("Star") == worth("no class") == worth("SN Ia")


def test_the_contradiction_comes_from_the_two_surest_epochs_that_differ() -> None:
    assert priority.contradiction([("SN Ia", 0.1), ("SN Ia", 0.2)]) == 0
    assert priority.contradiction([("SN Ia", 0.1)]) == 0
    assert priority.contradiction([("SN Ia", 0.1), ("SN II", 0.5), ("TDE", 0.6)]) == pytest.approx(0.9 * 0.5)


@given(SHARE, SHARE, st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**8))
def test_the_stored_order_is_the_order_of_value_and_age_at_any_time(
    one: float, other: float, first: int, second: int, later: int
) -> None:
    arrived = [MONDAY + timedelta(seconds=seconds) for seconds in (first, second)]
    now = MONDAY + timedelta(seconds=later)
    told = [worth_now + priority.waited(now - since) for worth_now, since in zip((one, other), arrived, strict=True)]
    stored = [priority.priority(worth_now, since) for worth_now, since in zip((one, other), arrived, strict=True)]
    assert stored[0] - stored[1] == pytest.approx(told[0] - told[1], abs=1e-9)


@pytest.fixture
def put(reviewer: User) -> Callable[..., Spectrum]:
    """Return a function that puts a spectrum with a prediction into the queue; days: how long ago it arrived."""
    checkpoint = Checkpoint.objects.create(hash="c" * 64, name="c", taxonomy_version="1", current=True)

    def add(name: str, uncertainty: float = 0.1, days: float = 0, class_name: str = "SN Ia", **fields: Any) -> Spectrum:
        transient, _ = Transient.objects.get_or_create(name=name)
        number = Spectrum.objects.count()
        spectrum = Spectrum.objects.create(
            transient=transient,
            group=fields.pop("group", None),
            uploaded_by=reviewer,
            sha256=f"{number:064d}",
            original=_original(number),
            filename=f"{number}.txt",
            state=SpectrumState.CLASSIFIED,
        )
        spectrum.current_prediction = Prediction.objects.create(
            spectrum=spectrum,
            reading=1,
            checkpoint=checkpoint,
            class_name=class_name,
            probabilities={class_name: 1 - uncertainty, "Other": uncertainty},
            conformal_set=[class_name],
            uncertainty=uncertainty,
            **{"novelty": 0.5, **fields},
        )
        spectrum.created_at = timezone.now() - timedelta(days=days)
        spectrum.save()
        entries.refresh(transient.pk)
        return spectrum

    return add


def _original(number: int) -> Original:
    return Original.objects.create(sha256=f"{number:064d}", content=b"", size=0)


def names(user: User) -> list[str]:
    return [row.name for row in QueueFilter().rows(user)]


@pytest.mark.django_db
def test_a_transient_that_waits_long_rises_above_a_new_one(put: Callable[..., Spectrum], reviewer: User) -> None:
    put("new and doubtful", 0.5)
    put("old and sure", 0.1, days=9)
    put("new and sure", 0.1)
    put("older and sure", 0.1, days=5)
    assert names(reviewer) == ["old and sure", "new and doubtful", "older and sure", "new and sure"]


@pytest.mark.django_db
def test_the_page_the_api_and_the_steps_follow_one_order(
    put: Callable[..., Spectrum], reviewer: User, client: Client
) -> None:
    put("usual")
    put("rare", class_name="SLSN-II")
    put("novel", novelty=0.999)
    put("doubtful", 0.9)
    put("against the templates", crosscheck=templates("TDE", 12))
    order = ["doubtful", "novel", "rare", "against the templates", "usual"]
    assert names(reviewer) == order
    client.force_login(reviewer)
    rows = client.get(reverse("queue")).context["rows"]
    assert [row.transient.name for row in rows] == order
    assert [row["transient"] for row in client.get("/api/v1/queue/").json()["results"]] == order
    _, at = QueueFilter().neighbours(reviewer, reviewed(reviewer, order[0]))
    walked = [order[0]]
    while at is not None:
        walked.append(at)
        _, at = QueueFilter().neighbours(reviewer, reviewed(reviewer, at))
    assert walked == order


@pytest.mark.django_db
def test_the_reason_names_the_largest_contribution_first(put: Callable[..., Spectrum], reviewer: User) -> None:
    said = {
        "usual": put("usual"),
        "rare": put("rare", class_name="TDE"),
        "both": put("both", 0.3, class_name="SN Ic", novelty=0.999, crosscheck=templates("TDE", 14)),
        "old": put("old", 0.3, days=40),
    }
    written = {name: reasons.reason(s.current_prediction, s.created_at) for name, s in said.items()}
    assert written == {
        "usual": "sure of SN Ia · waits 0 s",
        "rare": "TDE is rare · sure of TDE · waits 0 s",
        "both": "unlike anything the network knows · probably SN Ic, less so Other · templates say TDE · "
        "SN Ic is rare · waits 0 s",
        "old": "waits 40 d · probably SN Ia, less so Other",
    }


@pytest.mark.django_db
def test_contradictory_epochs_are_named_on_the_queue_the_api_and_the_page(
    put: Callable[..., Spectrum], reviewer: User, client: Client
) -> None:
    put("usual", 0.1)
    put("torn", 0.1)
    put("torn", 0.15, class_name="SN II")
    assert names(reviewer) == ["torn", "usual"]
    client.force_login(reviewer)
    words = "its epochs disagree"
    rows = client.get("/api/v1/queue/").json()["results"]
    assert [words in row["reason"] for row in rows] == [True, False]
    assert [words in row.reason for row in client.get(reverse("queue")).context["rows"]] == [True, False]
    assert words in client.get(reverse("review", args=["torn"])).context["page"].network.reason


@pytest.mark.django_db
def test_epochs_of_another_group_do_not_change_the_priority(
    put: Callable[..., Spectrum], make_user: Callable[..., User]
) -> None:
    stranger, _ = make_user("stranger"), make_user("member", "inner")
    put("T", 0.1)
    before = Transient.objects.awaiting_review(stranger).get().priority
    put("T", 0.2, class_name="TDE", group=Group.objects.get(name="inner"), novelty=0.999)
    assert Transient.objects.awaiting_review(stranger).get().priority == before
    assert set(QueueEntry.objects.values_list("contradiction", flat=True)) == {0.0}
