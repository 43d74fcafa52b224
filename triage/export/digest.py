"""Digest of a night as one user sees it: what came, what was vetted, what waits for votes, what is new and rare."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

from django.contrib.auth.models import User
from django.db.models import Count, Q

from triage.export import classifications
from triage.export.night import Night
from triage.models import Classification, Prediction, Spectrum, SpectrumState
from triage.models.classification import ClassificationQuerySet
from triage.models.demonstration import only
from triage.models.spectrum import SpectrumQuerySet, date_guess_among
from triage.queue import priority, reasons

# A part of the digest lists no more rows than this.
MOST = 200
HIDDEN = "hidden until your vote"
# Words for spectra without a prediction, by state.
NO_CLASS = {
    SpectrumState.QUEUED: "waiting for the network",
    SpectrumState.FAILED: "could not be classified",
    SpectrumState.QUARANTINED: "could not be read",
}


@dataclasses.dataclass(frozen=True)
class Rare:
    """A transient that came in the night and that the network finds rare or novel.

    spectrum: the spectrum that says so.
    prediction: its prediction.
    reason: why it is listed, in words.
    vetted_class: vetted class that the user knows, or "".
    """

    spectrum: Spectrum
    prediction: Prediction
    reason: str
    vetted_class: str

    @property
    def transient(self) -> str:
        return str(self.spectrum.transient)


@dataclasses.dataclass(frozen=True)
class Waiting:
    """A transient that waits for votes now.

    transient: its name.
    state: "second_opinion" or "disputed".
    words: the state in words.
    yours: whether the user may give the second opinion.
    """

    transient: str
    state: str
    words: str
    yours: bool


@dataclasses.dataclass(frozen=True)
class Digest:
    """Digest of a night for one user.

    night: the night.
    arrived: number of spectra by predicted class, or by why they have none; the most frequent first.
    vetted: vetted classifications, newest first: the keys of ``classifications.COLUMNS``, with observed_at as a
        datetime, and number (of the transient) and outline (empty where unknown).
    waiting: transients that wait for votes now, the longest first.
    rare: new rare or novel transients, in the order of arrival.
    """

    night: Night
    arrived: list[tuple[str, int]]
    vetted: list[dict[str, Any]]
    waiting: list[Waiting]
    rare: list[Rare]

    @classmethod
    def of(cls, user: User, night: Night, simulated: bool | None = None) -> Self:
        """Return the digest of a night as the user sees it, in a constant number of queries.

        simulated: see triage.models.demonstration.
        """
        spectra = Spectrum.objects.visible_to(user).filter(only(simulated))
        # All states are named, because the index of the time of arrival begins with the state.
        during = Q(state__in=SpectrumState.values, created_at__gte=night.start, created_at__lt=night.end)
        came = spectra.filter(during, discarded=False).with_hidden(user)
        wanted = classifications.Wanted(since=night.start, until=night.end, simulated=simulated)
        return cls(night, _arrived(came), _vetted(user, wanted), _waiting(user, simulated), _rare(user, came))

    @classmethod
    def latest(cls, user: User, simulated: bool | None = None) -> Self:
        """Return the digest of the running night, or of the night before it while the user sees nothing in it."""
        digest = cls.of(user, Night.running(), simulated)
        return digest if digest.arrived or digest.vetted else cls.of(user, Night.last_ended(), simulated)

    @property
    def count(self) -> int:
        """Return the number of spectra that arrived."""
        return sum(number for _, number in self.arrived)


def _arrived(came: SpectrumQuerySet) -> list[tuple[str, int]]:
    counted: dict[str, int] = {}
    rows: Any = came.order_by()
    columns = ("state", "current_prediction__class_name", "hidden")
    for state, class_name, hidden, number in rows.values_list(*columns).annotate(n=Count("pk")):
        name = HIDDEN if hidden else class_name or NO_CLASS.get(SpectrumState(state), "without a class")
        counted[name] = counted.get(name, 0) + number
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))


def _vetted(user: User, wanted: classifications.Wanted) -> list[dict[str, Any]]:
    rows = classifications.vetted(user, wanted).defer(None)
    # The outline is drawn.
    rows = rows.defer("decision__spectrum__corrections", "decision__spectrum__receipt")
    groups = set(user.groups.values_list("pk", flat=True))
    return [_vetted_row(row, groups) for row in rows[:MOST]]


def _vetted_row(row: Classification, groups: set[int]) -> dict[str, Any]:
    spectrum = row.decision.spectrum
    # The spectrum may have become private after the decision.
    if spectrum is not None and spectrum.group_id is not None and spectrum.group_id not in groups:
        spectrum = None
    return {
        **classifications.as_row(row),
        "number": row.transient_id,
        "instrument": spectrum.instrument if spectrum else "",
        "observed_at": spectrum.observed_at if spectrum else None,
        "date_guessed": bool(spectrum and date_guess_among(row.guesses, spectrum.observed_at)),
        "outline": spectrum.outline if spectrum else [],
    }


def _waiting(user: User, simulated: bool | None) -> list[Waiting]:
    of_transient = only(simulated, "transient__")
    rows = Classification.objects.visible_to(user).filter(of_transient, state__in=("second_opinion", "disputed"))
    yours = set(rows.wanting_vote_of(user).values_list("transient", flat=True))
    found: dict[int, Waiting] = {}
    for row in _oldest(rows):
        mine = row.transient_id in yours
        words = row.get_state_display() + (" (yours)" if mine and row.state == "second_opinion" else "")
        found.setdefault(row.transient_id, Waiting(row.transient.name, row.state, words, mine))
    return list(found.values())


def _oldest(rows: ClassificationQuerySet) -> ClassificationQuerySet:
    return rows.select_related("transient").order_by("decided_at", "id")[:MOST]


def _rare(user: User, came: SpectrumQuerySet) -> list[Rare]:
    unusual = Q(current_prediction__novelty__gte=reasons.NOVEL) | Q(
        current_prediction__class_name__in=priority.rare_classes()
    )
    rows = came.with_visible_prediction().filter(unusual, rejected=False, transient__isnull=False)
    rows = rows.select_related("transient", "current_prediction").defer("receipt").order_by("id")[:MOST]
    first: dict[int | None, Spectrum] = {}
    for spectrum in rows:
        first.setdefault(spectrum.transient_id, spectrum)
    standing = Classification.objects.standing_before(user).filter(transient__in=list(first))
    known = dict(standing.values_list("transient", "decision__class_name"))
    return [
        Rare(spectrum, prediction, reasons.unusual(prediction), known.get(number or 0, ""))
        for number, spectrum in first.items()
        if (prediction := spectrum.current_prediction) is not None
    ]
