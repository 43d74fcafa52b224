"""The queue's entries agree with the spectra and decisions for every user, after any sequence of events."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command

from classifier.errors import SpectrumError
from classifier.predict import SpectrumPrediction
from tests.factories import spectrum_file
from triage.api.filters import TRANSIENT_STATES
from triage.errors import NotFoundError, TriageError
from triage.inference import backlog, worker
from triage.intake.reread import read_again
from triage.intake.submit import Given, submit_spectrum
from triage.models import (
    Checkpoint,
    Claim,
    Decision,
    Prediction,
    QueueEntry,
    ReviewPolicy,
    Spectrum,
    SpectrumState,
    Transient,
    transient_search,
)
from triage.queue.counts import counts
from triage.queue.entries import rebuild
from triage.queue.filters import OUTCOMES, PUBLIC, QueueFilter
from triage.review import decisions
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db

CLASSES = ("SN Ia", "TDE", "SN II")
# There are few levels, so that two predictions are often equally sure.
LEVELS = (0.5, 0.7, 0.9)


class Night:
    """Random acts of several users on a few transients.

    They send public spectra and spectra of two groups, also of the same transient; predictions, failures and second
    readings follow; the users decide, give second opinions, dispute and undo.
    """

    def __init__(self, make_user: Callable[..., User], seed: int) -> None:
        self.random = random.Random(seed)
        self.users = [make_user("both", "a", "b"), make_user("one", "a"), make_user("none"), make_user("two", "b")]
        self.groups = [None, *Group.objects.order_by("name")]
        ReviewPolicy.objects.create(group=None, class_names=["TDE"])
        ReviewPolicy.objects.create(group=self.groups[1], class_names=["SN II"], below=0.6)
        self.checkpoint = Checkpoint.objects.create(hash="c" * 64, name="c", taxonomy_version="1", current=True)
        self.sent = 0

    def go_on(self, acts: int) -> None:
        for _ in range(acts):
            act = self.random.choice(
                (self.send, self.predict, self.predict, *[self.decide] * 4, self.undo, self.correct)
            )
            try:
                act()
            except TriageError:
                continue

    def send(self) -> None:
        self.sent += 1
        user, group = self.random.choice(self.users), self.random.choice(self.groups)
        given = Given(transient=f"T{self.random.randrange(6)}", group=group)
        submit_spectrum(user, spectrum_file(seed=self.sent), f"{self.sent}.txt", given)

    def predict(self) -> None:
        for spectrum in backlog.claim_batch(9):
            worker.store_result(spectrum, self.checkpoint, self._result(), None)

    def decide(self) -> None:
        user, spectrum = self.random.choice(self.users), self._any(Spectrum)
        verdict = self.random.choice(("override", "override", "confirm", "unsure", "bad_spectrum"))
        name = self.random.choice(CLASSES) if verdict == "override" else ""
        assert spectrum.transient is not None
        decisions.record_decision(user, spectrum.transient, Proposal(verdict, name, spectrum=spectrum.pk))

    def undo(self) -> None:
        decision = self._any(Decision)
        decisions.undo(decision.reviewer, decision.pk)

    def correct(self) -> None:
        spectrum = self._any(Spectrum)
        if self.random.random() < 0.5:
            read_again(self.users[0], spectrum, {"frame": "observed"})
        else:
            content = bytes(spectrum.original.content)
            given = Given(transient="other", group=spectrum.group, redshift=0.02)
            submit_spectrum(spectrum.uploaded_by or self.users[0], content, spectrum.filename, given)

    def _any(self, kind: Any) -> Any:
        rows = list(kind.objects.order_by("pk"))
        if not rows:
            raise NotFoundError("nothing is there yet")
        return self.random.choice(rows)

    def _result(self) -> SpectrumPrediction | SpectrumError:
        if self.random.random() < 0.1:
            return SpectrumError("insufficient_coverage", "too little")
        name, level = self.random.choice(CLASSES), self.random.choice(LEVELS)
        shares = {other: level if other == name else (1 - level) / 2 for other in CLASSES}
        novelty = 1 - 0.01 * (self.sent % 7)
        return SpectrumPrediction(name, shares, {}, [name], novelty, None, None, None)


@pytest.mark.parametrize(("seed", "most_listed"), [(1, transient_search.MOST_LISTED), (3, 2)])
def test_queue_entries_agree_with_the_records_for_every_user(
    make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch, seed: int, most_listed: int
) -> None:
    monkeypatch.setattr(transient_search, "MOST_LISTED", most_listed)
    night, shown, shared = Night(make_user, seed), set(), 0
    for _ in range(2):
        night.go_on(50)
        kept = _entries()
        assert rebuild() == len(kept)
        assert _entries() == kept
        shared += QueueEntry.objects.filter(shared=True).count()
        for user in night.users:
            shown |= {state for state, number in counts(user).items() if number}
            _compare(user)
    assert {"pending", "done"} <= shown
    assert shared


def _compare(user: User) -> None:
    """Compare every filter that uses entries, lists of ids or spectra with the annotations of each transient."""
    plain = list(Transient.objects.for_review(user).order_by("-created_at", "-id"))
    claimed = set(Claim.objects.live().values_list("transient", flat=True))
    waiting = [row for row in plain if row.review_state in ("pending", "in_review")]
    spectra = Spectrum.objects.visible_to(user).filter(transient__isnull=False)
    failed = set(spectra.filter(state=SpectrumState.FAILED).values_list("transient", flat=True))
    expected = {
        "pending": sorted(waiting, key=lambda row: (-row.priority, row.pk)),
        "in_review": [row for row in waiting if row.pk in claimed],
        "bad": [r for r in plain if r.standing_state == "bad_spectrum" and r.current_prediction_id is None],
        "failed": [row for row in plain if row.pk in failed],
        "all": plain,
        **{name: [row for row in plain if row.standing_state == name] for name in OUTCOMES},
    }
    own = user.groups.first()
    of_group = set(spectra.filter(group=own).values_list("transient", flat=True))
    counted = counts(user)
    for state, rows in expected.items():
        assert _said(QueueFilter(state).rows(user)) == _said(rows)
        assert counted.get(state, len(rows)) == len(rows)
        for name in CLASSES[:2]:
            of_class = [row for row in rows if _class_of(row) == name and not row.hidden]
            assert _said(QueueFilter(state, class_name=name).rows(user)) == _said(of_class)
        assert _said(QueueFilter(state, q="T1").rows(user)) == _said([row for row in rows if "T1" in row.name])
        in_group = [row for row in rows if row.pk in of_group]
        assert _said(QueueFilter(state, group=own.name if own else PUBLIC).rows(user)) == _said(in_group)
        sure = [r for r in rows if r.uncertainty is not None and r.uncertainty <= 1 - 0.6 and not r.hidden]
        assert _said(QueueFilter(state, above="60").rows(user)) == _said(sure)
    for state in TRANSIENT_STATES:
        found = {row.pk for row in Transient.objects.for_review(user).in_state(state)}
        assert found == {row.pk for row in plain if row.review_state == state}
    _compare_neighbours(user, plain, expected["pending"])


def _compare_neighbours(user: User, plain: list[Any], waiting: list[Any]) -> None:
    for row in plain[::2]:
        others = [other for other in waiting if other.pk != row.pk]
        place = None if row.priority is None else (-row.priority, row.pk)
        before = [other for other in others if place and (-other.priority, other.pk) < place]
        after = others[len(before) :]
        found = QueueFilter().neighbours(user, row)
        assert found == (before[-1].name if before else None, after[0].name if after else None)


def _class_of(row: Any) -> str | None:
    name: str | None = row.standing_class if row.standing_state == "done" else row.predicted_class
    return name


def _said(rows: Any) -> list[tuple[Any, ...]]:
    names = (
        "name",
        "review_state",
        "current_prediction_id",
        "predicted_class",
        "uncertainty",
        "priority",
        "standing_class",
        "hidden",
    )
    return [tuple(getattr(row, name) for name in names) for row in rows]


def _entries() -> list[tuple[Any, ...]]:
    names = [field.attname for field in QueueEntry._meta.concrete_fields if field.attname != "id"]
    return sorted(QueueEntry.objects.values_list(*names), key=repr)


def test_a_command_rebuilds_the_queue_entries(reviewer: User, capsys: pytest.CaptureFixture[str]) -> None:
    spectrum = submit_spectrum(reviewer, spectrum_file(), "a.txt", Given(transient="T")).spectrum
    checkpoint = Checkpoint.objects.create(hash="c" * 64, name="c", taxonomy_version="1", current=True)
    spectrum.current_prediction = Prediction.objects.create(
        spectrum=spectrum,
        reading=1,
        checkpoint=checkpoint,
        class_name="TDE",
        probabilities={"TDE": 1.0},
        novelty=0.1,
        uncertainty=0.0,
    )
    spectrum.save()
    QueueEntry.objects.create(
        transient_id=spectrum.transient_id, state="done", shared=False, waits=False, arrived_at=spectrum.created_at
    )
    call_command("rebuild_queue")
    assert capsys.readouterr().out == "1 entries\n"
    assert [row.predicted_class for row in QueueFilter(class_name="TDE").rows(reviewer)] == ["TDE"]
