"""The small drawing of class and phase over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from triage.figures.evolution import CLASS_HEIGHT, MARGIN, PHASE_HEIGHT, WIDTH, DatedEpoch, Evolution

START = datetime(2026, 11, 1, tzinfo=UTC)


def epoch(day: float, probability: float = 0.9, phase: float | None = None, *, rejected: bool = False) -> DatedEpoch:
    error = None if phase is None else 2.0
    return DatedEpoch(
        int(day), START + timedelta(days=day), "SN Ia", probability, phase, error, contradicts=False, rejected=rejected
    )


def test_epochs_stand_at_their_time_and_their_probability() -> None:
    drawn = Evolution.of([epoch(10, 0.0), epoch(0, 1.0), epoch(5, 0.5)])
    assert drawn is not None
    assert [mark.epoch.spectrum for mark in drawn.marks] == [0, 5, 10]
    assert [mark.x for mark in drawn.marks] == [MARGIN, WIDTH / 2, WIDTH - MARGIN]
    assert [mark.y for mark in drawn.marks] == [MARGIN, CLASS_HEIGHT / 2, CLASS_HEIGHT - MARGIN]
    assert drawn.days == 10
    assert drawn.phases is None


def test_the_phases_with_their_errors_fill_the_lower_strip() -> None:
    drawn = Evolution.of([epoch(0, phase=-5), epoch(20), epoch(30, phase=25)])
    assert drawn is not None
    assert drawn.phases == (-7, 27)
    first, unknown, last = drawn.marks
    assert (first.phase_bottom, last.phase_top) == (PHASE_HEIGHT - MARGIN, MARGIN)
    assert unknown.phase_y is None
    assert first.phase_y is not None
    assert last.phase_y is not None
    assert first.phase_y > last.phase_y


def test_the_line_leaves_out_epochs_that_were_called_bad() -> None:
    drawn = Evolution.of([epoch(0), epoch(5, rejected=True), epoch(10)])
    assert drawn is not None
    assert len(drawn.line.split()) == 2
    assert len(drawn.marks) == 3


def test_one_epoch_or_one_time_is_no_evolution() -> None:
    assert Evolution.of([epoch(0)]) is None
    assert Evolution.of([epoch(3), epoch(3)]) is None
