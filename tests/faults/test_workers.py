"""Workers die, or get too many or too few messages; nothing is lost and nothing is done twice."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backends import choose
from tests.desk import ROOT
from tests.faults.night import Night, night

pytestmark = pytest.mark.slow

# This code kills the process at the spectrum of one file, as a fault in a library would.
POISON = """
import os, signal
from classifier.predict import Classifier
real = Classifier.predict
def predict(self, items, *more, **options):
    if any(abs(float(value.flux.sum()) - {total}) < 1e-6 * abs({total}) for value, _ in items):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, items, *more, **options)
Classifier.predict = predict
"""


@pytest.fixture
def desk(tmp_path: Path, record_property: Callable[[str, object], None]) -> Iterator[Night]:
    with night(tmp_path) as made:
        record_property("facts", made.facts)
        yield made


def test_a_worker_killed_during_a_batch_loses_and_repeats_nothing(desk: Night) -> None:
    desk.take_in(24)
    for left in (24, 16):
        worker = desk.start_worker()
        desk.wait(lambda: desk.count("lease_until IS NOT NULL AND state = 'queued'") > 0)
        assert desk.count("state = 'queued'") >= left - 8
        desk.kill(worker)
    assert desk.count("state = 'queued'") > 0
    desk.start_worker()
    desk.wait_until_done()
    desk.check(24)


def test_a_spectrum_that_kills_its_worker_is_given_up_and_the_others_are_classified(desk: Night) -> None:
    from classifier.readers import read_spectrum

    desk.take_in(10)
    flux = read_spectrum((desk.folder / "files" / "3.txt").read_bytes(), "3.txt").spectrum.flux
    desk.settings(POISON.format(total=float(flux.astype("<f4").astype(float).sum())))
    deaths = 0
    while desk.count("state = 'queued'"):
        worker = desk.start_worker()
        desk.wait(lambda worker=worker: worker.poll() is not None or desk.count("state = 'queued'") == 0)
        deaths += worker.poll() == -signal.SIGKILL
        desk.kill(worker)
    desk.check(10, {"3.txt": "gave_up"})
    assert deaths == 3


def test_a_corrupt_checkpoint_leaves_everything_queued(desk: Night) -> None:
    desk.take_in(6)
    broken = desk.folder / "checkpoint"
    shutil.copytree(ROOT / "classifier" / "checkpoints" / "spectranet", broken)
    for weights in broken.glob("*.safetensors"):
        content = bytearray(weights.read_bytes())
        content[len(content) // 2] ^= 0xFF
        weights.write_bytes(content)
    worker = desk.start_worker(CLASSIFIER_CHECKPOINT=str(broken))
    desk.wait(lambda: desk.log.read_text().count("nothing is classified until") >= 2)
    assert desk.count("state = 'queued' AND attempts = 0") == 6
    desk.kill(worker)
    desk.start_worker()
    desk.wait_until_done()
    desk.check(6)


def test_lost_doorbells_are_replaced_and_extra_ones_do_no_harm(desk: Night) -> None:
    desk.take_in(20)
    lose_messages(desk)
    for _ in range(2):
        desk.start_worker()
    desk.settings('CELERY_BEAT_SCHEDULE["ring"]["schedule"] = 0.1')
    desk.start_worker()
    desk.wait_until_done()
    desk.check(20)


def lose_messages(desk: Night) -> None:
    """Delete all messages that the broker holds for this night."""
    url = choose()[1]
    if url:
        import redis

        assert redis.Redis.from_url(url).delete(desk.environment["CELERY_QUEUE"]) == 1
        return
    bells = list((desk.folder / "var" / "broker").glob("*.msg"))
    assert bells
    for bell in bells:
        bell.unlink()
