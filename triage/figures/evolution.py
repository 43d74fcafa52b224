"""The class and the phase of a transient over time, as places in a small drawing. No queries."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime

# Size of the drawing and of its two strips, in its own units. Epochs stand apart from the edges.
WIDTH, MARGIN = 600.0, 14.0
CLASS_HEIGHT, PHASE_HEIGHT = 80.0, 110.0
# The phases of a strip cover so many days at least.
SHORTEST_PHASES = 10.0


@dataclasses.dataclass(frozen=True)
class DatedEpoch:
    """One epoch and the desk's answer about it.

    spectrum: id of the spectrum.
    observed_at: when it was taken.
    class_name: class that the network predicts for it.
    probability: how probable the answer of all epochs is in it (0–1).
    phase, phase_error: rest-frame days from maximum with 1σ, or None.
    contradicts: whether it speaks clearly against the other epochs.
    rejected: whether a reviewer called it a bad spectrum.
    """

    spectrum: int
    observed_at: datetime
    class_name: str
    probability: float
    phase: float | None
    phase_error: float | None
    contradicts: bool
    rejected: bool


@dataclasses.dataclass(frozen=True)
class Mark:
    """One epoch in the drawing.

    epoch: the epoch.
    x: its place from the left.
    y: height of its probability, from the top of the upper strip.
    phase_y: height of its phase, from the top of the lower strip; None without a phase.
    phase_top, phase_bottom: ends of the phase's error bar, or None.
    """

    epoch: DatedEpoch
    x: float
    y: float
    phase_y: float | None
    phase_top: float | None
    phase_bottom: float | None


@dataclasses.dataclass(frozen=True)
class Evolution:
    """The drawing.

    marks: epochs in time order.
    line: points of the line through the epochs that nobody rejected, as SVG writes them.
    days: days from the first to the last epoch.
    phases: earliest and latest phase of the lower strip in days, or None if no phase is known.
    """

    marks: list[Mark]
    line: str
    days: float
    phases: tuple[float, float] | None

    @property
    def span(self) -> str:
        """Return the time from the first to the last epoch in words."""
        return f"{self.days:.0f} days" if self.days >= 2 else f"{self.days * 24:.0f} hours"

    @classmethod
    def of(cls, epochs: Sequence[DatedEpoch]) -> Evolution | None:
        """Draw the epochs, or return None if fewer than two of them were taken at different times."""
        ordered = sorted(epochs, key=lambda epoch: epoch.observed_at)
        if len(ordered) < 2 or ordered[0].observed_at == ordered[-1].observed_at:
            return None
        seconds = (ordered[-1].observed_at - ordered[0].observed_at).total_seconds()
        phases = _range(ordered)
        marks = []
        for epoch in ordered:
            share = (epoch.observed_at - ordered[0].observed_at).total_seconds() / seconds
            x = MARGIN + share * (WIDTH - 2 * MARGIN)
            y = MARGIN + (1 - epoch.probability) * (CLASS_HEIGHT - 2 * MARGIN)
            marks.append(Mark(epoch, x, y, *_phase_places(epoch, phases)))
        line = " ".join(f"{mark.x:.1f},{mark.y:.1f}" for mark in marks if not mark.epoch.rejected)
        return cls(marks, line, seconds / 86400, phases)


def _range(epochs: Sequence[DatedEpoch]) -> tuple[float, float] | None:
    known = [(epoch.phase, epoch.phase_error or 0.0) for epoch in epochs if epoch.phase is not None]
    if not known:
        return None
    low, high = min(phase - error for phase, error in known), max(phase + error for phase, error in known)
    middle, half = (low + high) / 2, max(high - low, SHORTEST_PHASES) / 2
    return middle - half, middle + half


def _phase_places(
    epoch: DatedEpoch, phases: tuple[float, float] | None
) -> tuple[float, float, float] | tuple[None, None, None]:
    if phases is None or epoch.phase is None:
        return None, None, None
    first, last = phases
    scale, error = (PHASE_HEIGHT - 2 * MARGIN) / (last - first), epoch.phase_error or 0.0
    y = MARGIN + (last - epoch.phase) * scale
    return y, y - error * scale, y + error * scale
