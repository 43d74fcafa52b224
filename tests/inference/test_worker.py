"""The worker: one prediction for each spectrum in the backlog, whatever fails."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.utils import timezone

from classifier.errors import CheckpointError, SpectrumError
from tests.factories import spectrum_file
from triage.inference import backlog, worker
from triage.intake.submit import Given, submit_spectrum
from triage.models import Checkpoint, Prediction, Spectrum, SpectrumState
from triage.models.prediction import ImmutableRecordError

pytestmark = pytest.mark.django_db


def submit(user: User, count: int, **given: Any) -> list[Spectrum]:
    return [
        submit_spectrum(user, spectrum_file(seed=seed), f"{seed}.txt", Given(**given)).spectrum for seed in range(count)
    ]


def test_queued_spectra_get_one_prediction_each(reviewer: User) -> None:
    submit(reviewer, 3)
    assert worker.process_backlog() == 3
    assert Prediction.objects.count() == 3
    spectrum = Spectrum.objects.select_related("current_prediction").first()
    assert spectrum is not None
    assert spectrum.state == SpectrumState.CLASSIFIED
    assert spectrum.current_prediction is not None
    assert spectrum.current_prediction.spectrum_id == spectrum.pk
    assert Checkpoint.objects.get().current
    assert worker.process_backlog() == 0


def test_what_follows_a_batch_is_done_after_each_one(reviewer: User) -> None:
    submit(reviewer, 3)
    done: list[int] = []
    worker.process_backlog(2, after_batch=lambda: done.append(Prediction.objects.count()))
    assert done == [2, 3]


def test_the_redshift_sent_with_a_spectrum_is_used(reviewer: User) -> None:
    submit(reviewer, 1, redshift=0.03)
    worker.process_backlog()
    assert Prediction.objects.get().redshift_used == 0.03


def test_an_infrared_spectrum_fails_with_a_reason(reviewer: User) -> None:
    rows = b"\n".join(b"%d %d" % (w, 100 + w % 17) for w in range(12_000, 24_000, 20))
    spectrum = submit_spectrum(reviewer, rows, "nir.txt").spectrum
    worker.process_backlog()
    spectrum.refresh_from_db()
    assert (spectrum.state, spectrum.failure_code) == (SpectrumState.FAILED, "insufficient_coverage")


def test_a_spectrum_is_leased_to_one_worker_until_the_lease_expires(reviewer: User) -> None:
    submit(reviewer, 3)
    assert len(backlog.claim_batch(2)) == 2
    assert len(backlog.claim_batch(2)) == 1
    assert backlog.claim_batch(2) == []
    Spectrum.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert len(backlog.claim_batch(2)) == 1  # A spectrum that was tried before is classified alone.


def test_a_single_upload_does_not_wait_behind_the_many_of_somebody_else(
    reviewer: User, make_user: Callable[..., User]
) -> None:
    many = submit(reviewer, 12)
    single = submit_spectrum(make_user("other"), spectrum_file(seed=99), "single.txt").spectrum
    first, second = backlog.claim_batch(8), backlog.claim_batch(8)
    assert [spectrum.pk for spectrum in first] == [spectrum.pk for spectrum in many[:7]] + [single.pk]
    assert [spectrum.pk for spectrum in second] == [spectrum.pk for spectrum in many[7:]]


def test_senders_who_all_have_many_get_equal_shares_of_a_batch(reviewer: User, make_user: Callable[..., User]) -> None:
    senders = [reviewer, make_user("ada"), make_user("ben")]
    for number, sender in enumerate(senders):
        for seed in range(4):
            submit_spectrum(sender, spectrum_file(seed=10 * number + seed), "a.txt")
    claimed = backlog.claim_batch(6)
    assert Counter(spectrum.uploaded_by_id for spectrum in claimed) == {sender.pk: 2 for sender in senders}


def test_spectra_that_are_leased_or_were_tried_before_take_no_share_from_others(
    reviewer: User, make_user: Callable[..., User]
) -> None:
    submit(reviewer, 6)
    assert len(backlog.claim_batch(6)) == 6
    Spectrum.objects.filter(pk=Spectrum.objects.earliest("pk").pk).update(lease_until=None)
    other = make_user("other")
    for seed in range(4):
        submit_spectrum(other, spectrum_file(seed=50 + seed), "a.txt")
    assert [spectrum.uploaded_by for spectrum in backlog.claim_batch(4)] == [other] * 4


def test_the_spectra_of_a_deleted_user_are_claimed_too(reviewer: User) -> None:
    submit(reviewer, 2)
    Spectrum.objects.update(uploaded_by=None)
    assert len(backlog.claim_batch(8)) == 2


def test_more_senders_than_a_batch_has_places_do_not_make_it_larger(make_user: Callable[..., User]) -> None:
    for seed in range(5):
        submit_spectrum(make_user(f"user{seed}"), spectrum_file(seed=seed), "a.txt")
    assert [len(backlog.claim_batch(3)), len(backlog.claim_batch(3))] == [3, 2]


def test_a_spectrum_that_kills_its_worker_is_given_up_after_three_attempts(reviewer: User) -> None:
    submit(reviewer, 1)
    for _ in range(backlog.MAX_ATTEMPTS):
        assert len(backlog.claim_batch(5)) == 1
        Spectrum.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert worker.process_backlog() == 0
    spectrum = Spectrum.objects.get()
    assert (spectrum.state, spectrum.failure_code) == (SpectrumState.FAILED, "gave_up")


def test_a_result_that_arrives_after_the_lease_was_lost_is_dropped(reviewer: User) -> None:
    (spectrum,) = submit(reviewer, 1)
    (mine,) = backlog.claim_batch(1)
    Spectrum.objects.update(lease_token="somebody else")
    checkpoint = worker.register(worker.load_classifier())
    worker.store_result(mine, checkpoint, SpectrumError("x", "x"), None)
    spectrum.refresh_from_db()
    assert spectrum.state == SpectrumState.QUEUED


class Moody:
    """A classifier that fails on any batch of several spectra, and on its first spectrum even alone."""

    def __init__(self) -> None:
        self.real = worker.load_classifier()
        self.device = self.real.device
        self.alone = 0

    def predict(self, items: Sequence[Any]) -> list[Any]:
        if len(items) > 1:
            raise RuntimeError("out of memory")
        self.alone += 1
        if self.alone == 1:
            raise RuntimeError("this one")
        return self.real.predict(items)  # type: ignore[return-value]


def test_a_lease_follows_the_time_that_a_batch_takes(reviewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_lease_seconds", None)
    for seed in range(3):
        submit_spectrum(reviewer, spectrum_file(seed=seed), f"{seed}.txt", Given(transient=f"T{seed}"))
    worker.process_backlog()
    submit_spectrum(reviewer, spectrum_file(seed=9), "9.txt", Given(transient="T9"))
    (claimed,) = backlog.claim_batch(1, worker._lease_seconds)
    assert claimed.lease_until is not None
    left = (claimed.lease_until - timezone.now()).total_seconds()
    assert worker.SHORTEST_LEASE_SECONDS - 2 < left < 290


def test_a_spectrum_that_breaks_the_network_does_not_fail_the_others(reviewer: User) -> None:
    submit(reviewer, 3)
    checkpoint = worker.register(worker.load_classifier())
    worker.classify_batch(Moody(), checkpoint, backlog.claim_batch(3))  # type: ignore[arg-type]
    states = list(Spectrum.objects.order_by("id").values_list("state", "failure_code"))
    assert states == [("failed", "network_error"), ("classified", ""), ("classified", "")]


def test_without_a_checkpoint_everything_stays_queued(reviewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise CheckpointError("damaged")

    submit(reviewer, 2)
    monkeypatch.setattr(worker, "load_classifier", broken)
    with pytest.raises(CheckpointError):
        worker.process_backlog()
    assert set(Spectrum.objects.values_list("state", "attempts")) == {("queued", 0)}


def test_a_prediction_is_never_updated(reviewer: User) -> None:
    submit(reviewer, 1)
    worker.process_backlog()
    prediction = Prediction.objects.get()
    prediction.class_name = "TDE"
    with pytest.raises(ImmutableRecordError):
        prediction.save()


@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_share_the_work(reviewer: User) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("an SQLite database in memory has one connection")
    submit(reviewer, 24)
    claimed: list[list[int]] = [[] for _ in range(4)]
    start = threading.Barrier(4)

    def work(mine: list[int]) -> None:
        start.wait()
        while batch := backlog.claim_batch(3):
            mine.extend(spectrum.pk for spectrum in batch)
        connections.close_all()

    threads = [threading.Thread(target=work, args=(mine,)) for mine in claimed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [number for part in claimed for number in part]
    assert len(everything) == len(set(everything)) == 24
