"""A spectrum is moved to another transient."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from classifier.errors import SpectrumError
from tests.at_once import needs_threads
from tests.factories import classified, spectrum_file
from triage.errors import BoundSpectrumError, InvalidUploadError
from triage.inference import backlog, worker
from triage.intake.move import move
from triage.intake.submit import Given, submit_spectrum
from triage.models import Checkpoint, QueueEntry, Spectrum, SpectrumAct, SpectrumState, Transient
from triage.review.decisions import record_decision, undo
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


def only_spectrum(transient: Transient) -> Spectrum:
    return transient.spectra.get()


def test_a_moved_spectrum_waits_under_its_new_transient_only(reviewer: User) -> None:
    spectrum = only_spectrum(classified(reviewer))
    moved = move(reviewer, spectrum, " AT2026xyz ")
    assert moved.transient.name == "AT2026xyz"
    assert list(QueueEntry.objects.values_list("transient__name", flat=True)) == ["AT2026xyz"]
    act = SpectrumAct.objects.get()
    assert (act.user, act.kind, act.detail) == (reviewer, "moved", {"from": "X", "to": "AT2026xyz"})
    assert moved.state == SpectrumState.CLASSIFIED


def test_a_moved_spectrum_joins_the_spectra_of_a_known_transient(reviewer: User) -> None:
    one, other = classified(reviewer, "SN2026abc"), classified(reviewer, "wrong", seed=2)
    move(reviewer, only_spectrum(other), "AT2026abc")
    assert one.spectra.count() == 2


def test_a_moved_spectrum_is_classified_again_if_its_redshift_changes(reviewer: User) -> None:
    Transient.objects.create(name="known", redshift=0.03)
    spectrum = only_spectrum(classified(reviewer))
    move(reviewer, spectrum, "known")
    spectrum.refresh_from_db()
    assert spectrum.state == SpectrumState.QUEUED


def test_a_prediction_begun_before_the_move_is_dropped(reviewer: User) -> None:
    submit_spectrum(reviewer, spectrum_file(), "a.txt", Given(transient="wrong"))
    (held,) = backlog.claim_batch(1)
    move(reviewer, Spectrum.objects.get(), "right")
    worker.store_result(held, Checkpoint(), SpectrumError("x", "an answer of before"), 0.5)
    assert Spectrum.objects.get().state == SpectrumState.QUEUED
    worker.process_backlog()
    assert QueueEntry.objects.get().transient.name == "right"


def test_a_simulated_spectrum_cannot_join_an_observed_transient(reviewer: User) -> None:
    classified(reviewer, "real")
    simulated = only_spectrum(classified(reviewer, "SIM", seed=2, simulated=True))
    with pytest.raises(BoundSpectrumError):
        move(reviewer, simulated, "real")


def test_the_second_of_two_simultaneous_moves_is_refused(reviewer: User) -> None:
    seen = only_spectrum(classified(reviewer))
    move(reviewer, Spectrum.objects.get(), "B")
    with pytest.raises(BoundSpectrumError):
        move(reviewer, seen, "C")


def test_another_spelling_does_not_find_a_groups_private_transient(make_user: Callable[..., User]) -> None:
    member, outsider = make_user("member", "A"), make_user("outsider")
    classified(member, "AT2026xyz", group=member.groups.get())
    submission = submit_spectrum(outsider, spectrum_file(seed=5), "b.txt", Given(transient="2026xyz"))
    assert submission.spectrum.transient.name == "2026xyz"
    submit_spectrum(member, spectrum_file(seed=6), "c.txt", Given(transient="SN2026xyz", group=member.groups.get()))
    assert Transient.objects.get(name="AT2026xyz").spectra.count() == 2


def test_a_spectrum_with_a_decision_can_be_moved_only_after_an_undo(reviewer: User) -> None:
    transient = classified(reviewer)
    spectrum = only_spectrum(transient)
    decision = record_decision(reviewer, transient, Proposal("unsure", spectrum=spectrum.pk))
    with pytest.raises(BoundSpectrumError):
        move(reviewer, spectrum, "Y")
    undo(reviewer, decision.pk)
    assert move(reviewer, spectrum, "Y").transient.name == "Y"


@pytest.mark.parametrize("name", ["a/b", "x" * 121])
def test_an_invalid_transient_name_is_refused(reviewer: User, name: str) -> None:
    with pytest.raises(InvalidUploadError):
        move(reviewer, only_spectrum(classified(reviewer)), name)
    assert not SpectrumAct.objects.exists()


def test_the_page_of_a_moved_spectrum_names_both_transients(client: Client, reviewer: User) -> None:
    spectrum = only_spectrum(classified(reviewer, "field_7_rest"))
    move(reviewer, spectrum, "rest")
    client.force_login(reviewer)
    page = client.get(reverse("receipt", args=[spectrum.pk])).content.decode()
    assert "from field_7_rest to rest</small>" in page


@pytest.mark.parametrize("to", ["SN2026elsewhere", ""])
def test_a_private_transient_whose_spectrum_was_moved_away_stays_unknown_to_others(
    make_user: Callable[..., User], to: str
) -> None:
    owner, stranger = make_user("owner", "A"), make_user("stranger")
    given = Given(transient="SN2026secret", group=owner.groups.get())
    move(owner, submit_spectrum(owner, spectrum_file(), "a.txt", given).spectrum, to)
    assert not Transient.objects.visible_to(stranger).exists()


def test_a_name_goes_to_the_unnamed_copies_of_a_spectrum_too(reviewer: User, make_user: Callable[..., User]) -> None:
    member = make_user("member", "a")
    private = Given(group=member.groups.get())
    first = submit_spectrum(reviewer, spectrum_file(), "first.txt").spectrum
    copies = [submit_spectrum(reviewer, spectrum_file() + b"#\n" * n, f"{n}.txt").spectrum for n in (1, 2)]
    other = submit_spectrum(reviewer, spectrum_file(seed=2), "other.txt").spectrum
    hidden = submit_spectrum(member, spectrum_file() + b"# private\n", "hidden.txt", private).spectrum
    move(reviewer, copies[0], "AT2026xyz")
    for spectrum, name in ((first, "AT2026xyz"), (copies[1], "AT2026xyz"), (other, None), (hidden, None)):
        spectrum.refresh_from_db()
        assert (spectrum.transient and spectrum.transient.name) == name
    assert SpectrumAct.objects.filter(user=reviewer, spectrum__in=[first, *copies]).count() == 3


def test_a_spectrum_that_had_a_name_moves_without_its_copies(reviewer: User) -> None:
    first = submit_spectrum(reviewer, spectrum_file(), "first.txt", Given(transient="SN2026abc")).spectrum
    copy = submit_spectrum(reviewer, spectrum_file() + b"#\n", "copy.txt").spectrum
    move(reviewer, first, "AT2026xyz")
    copy.refresh_from_db()
    assert copy.transient is not None
    assert copy.transient.name == "SN2026abc"


@needs_threads
def test_the_old_transient_is_locked_before_a_new_one_is_made(reviewer: User) -> None:
    # Uploads lock known transients first. The other order lets a move and an upload wait for each other.
    spectrum = only_spectrum(classified(reviewer))
    with CaptureQueriesContext(connection) as queries:
        move(reviewer, spectrum, "new")
    said = [query["sql"] for query in queries]
    locked = next(n for n, sql in enumerate(said) if '"triage_transient"' in sql and "FOR NO KEY UPDATE" in sql)
    made = next(n for n, sql in enumerate(said) if sql.startswith('INSERT INTO "triage_transient"'))
    assert locked < made
