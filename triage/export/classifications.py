"""Vetted classifications as they leave the desk: what stands, or what has changed since a reader last looked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import F, Max, Q

from classifier.taxonomy import load_taxonomy
from triage.models import Classification, ClassificationChange, Decision, Spectrum, Transient
from triage.models.change import ChangeQuerySet
from triage.models.classification import ClassificationQuerySet
from triage.models.decision import phase_told
from triage.models.demonstration import only
from triage.models.spectrum import date_guess_among

COLUMNS = (
    "id",
    "transient",
    "class_name",
    "redshift",
    "redshift_error",
    "redshift_source",
    "redshift_origin",
    "ra",
    "dec",
    "verdict",
    "reviewer",
    "decided_at",
    "comment",
    "group",
    "predicted_class",
    "predicted_probability",
    "predicted_redshift",
    "without_host_light",
    "phase",
    "phase_error",
    "looks_like",
    "absolute_magnitude",
    "absolute_magnitude_filter",
    "checkpoint",
    "observed_at",
    "date_guessed",
    "instrument",
    "spectra",
    "simulated",
)
CHANGE_COLUMNS = (*COLUMNS, "sequence", "withdrawn", "changed_at")
# Columns of a withdrawal that would tell the first vote to a reviewer who owes a blind one.
TELLS_VOTE = (
    "class_name",
    "redshift",
    "redshift_error",
    "redshift_source",
    "redshift_origin",
    "verdict",
    "reviewer",
    "comment",
    "predicted_class",
    "predicted_probability",
    "predicted_redshift",
    "without_host_light",
    "phase",
    "phase_error",
    "looks_like",
    "absolute_magnitude",
    "absolute_magnitude_filter",
    "checkpoint",
)
# What a row is made of.
RELATED = ("transient", "decision__reviewer", "decision__spectrum", "group")
# Columns of a spectrum that are long. A row needs the guesses of the receipt alone, which are annotated.
LONG = ("corrections", "receipt", "outline")
GUESSES = {"guesses": F("decision__spectrum__receipt__guesses")}
LONG_OF_DECISION = tuple(f"decision__spectrum__{column}" for column in LONG)
# Rows in memory at a time while a whole table is streamed.
CHUNK = 1000


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Filter of classifications. An empty text or None lets all through.

    since: earliest time of the decision.
    until: time before which it was made.
    class_name: vetted class.
    reviewer: user name.
    transient: name of the transient.
    name: part of the transient's name, in upper or lower case.
    simulated: see triage.models.demonstration.
    """

    since: datetime | None = None
    until: datetime | None = None
    class_name: str = ""
    reviewer: str = ""
    transient: str = ""
    name: str = ""
    simulated: bool | None = None

    def filter(self) -> Q:
        """Return the condition without the time, for rows that have a decision and a transient."""
        lookups = {
            "decision__class_name": self.class_name,
            "decision__reviewer__username": self.reviewer,
            "transient__name": self.transient,
            "transient__name__icontains": self.name,
        }
        given: dict[str, Any] = {path: value for path, value in lookups.items() if value}
        return Q(only(self.simulated, "transient__"), **given)


def vetted(user: User, wanted: Wanted) -> ClassificationQuerySet:
    """Return the vetted classifications that stand and that the user may see, newest first."""
    rows = Classification.objects.standing_before(user).filter(wanted.filter())
    if wanted.since is not None:
        rows = rows.filter(decided_at__gte=wanted.since)
    if wanted.until is not None:
        rows = rows.filter(decided_at__lt=wanted.until)
    return rows.select_related(*RELATED).defer(*LONG_OF_DECISION).annotate(**GUESSES).newest_first()


def changes_after(user: User, sequence: int, wanted: Wanted) -> ChangeQuerySet:
    """Return the changes that the user may see, in the order in which they happened.

    While the user owes a transient a blind vote, a classification of it that was withdrawn may be a vote of the same
    round. The user is then told only that it was withdrawn, without its class, and whatever class or reviewer the
    filter asks for.

    user: who asks.
    sequence: id of the last change that the user knows, 0 for none.
    wanted: filter of the classifications.
    """
    rows = ClassificationChange.objects.visible_to(user).filter(pk__gt=sequence).with_hidden(user)
    rows = rows.told(wanted.filter(), dataclasses.replace(wanted, class_name="", reviewer="").filter())
    return rows.select_related(*RELATED).defer(*LONG_OF_DECISION).annotate(**GUESSES).order_by("id")


def last_sequence(user: User) -> int:
    """Return the id of the newest change that the user may see, 0 for none. Later changes have greater ids."""
    newest: int | None = ClassificationChange.objects.visible_to(user).aggregate(last=Max("pk"))["last"]
    return newest or 0


def all_rows(rows: ClassificationQuerySet | ChangeQuerySet) -> Iterator[dict[str, Any]]:
    """Return all rows of a table as dictionaries, with only CHUNK of them in memory at a time."""
    return (as_row(row) for row in rows.iterator(chunk_size=CHUNK))


def as_row(entry: Classification | ClassificationChange) -> dict[str, Any]:
    """Return a classification with its provenance: the keys are COLUMNS, or CHANGE_COLUMNS for a change."""
    row = _row(entry.decision, entry.guesses, entry.transient, entry.group)
    if isinstance(entry, ClassificationChange):
        if entry.hidden:
            row |= dict.fromkeys(TELLS_VOTE)
        row |= {"sequence": entry.pk, "withdrawn": entry.withdrawn, "changed_at": iso(entry.changed_at)}
    return row


def _row(
    decision: Decision, guesses: list[dict[str, Any]] | None, transient: Transient, group: Group | None
) -> dict[str, Any]:
    return {
        **described(decision.class_name, decision.redshift, decision.prediction_seen, transient, group),
        **measured(decision.spectrum, guesses, group),
        "id": decision.pk,
        "verdict": decision.verdict,
        "reviewer": decision.reviewer.get_username(),
        "decided_at": iso(decision.created_at),
        "comment": decision.comment,
        "spectra": decision.spectra_seen,
    }


def described(
    class_name: str, redshift: float | None, seen: dict[str, Any], transient: Transient, group: Group | None
) -> dict[str, Any]:
    """Return the columns that do not tell who decided, and when.

    class_name: the class that stands.
    redshift: the reviewer's own redshift, or None.
    seen: the prediction, as a decision keeps it; see triage.review.seen.
    group: the audience, or None for everybody.
    """
    library = seen.get("library") or {}
    bright = seen.get("brightness") or {}
    at_maximum = bright if bright.get("covered") else {}
    phase = phase_told(seen, class_name)
    return {
        "transient": transient.name,
        "class_name": class_name,
        **_redshift(class_name, redshift, seen),
        "ra": transient.ra,
        "dec": transient.dec,
        "group": group.name if group else None,
        "predicted_class": seen.get("class_name"),
        "predicted_probability": _rounded(seen.get("probability")),
        "predicted_redshift": _rounded(seen.get("redshift")),
        "without_host_light": _rounded(seen.get("without_host_light")),
        "phase": _rounded(phase.days if phase else None),
        "phase_error": _rounded(phase.error if phase else None),
        "looks_like": library.get("looks_like"),
        "absolute_magnitude": _rounded(at_maximum.get("absolute")),
        "absolute_magnitude_filter": at_maximum.get("filter"),
        "checkpoint": seen.get("checkpoint"),
        "simulated": transient.simulated,
    }


def measured(spectrum: Spectrum | None, guesses: list[dict[str, Any]] | None, group: Group | None) -> dict[str, Any]:
    """Return the columns that tell when and with what the spectrum was taken on which a row rests.

    spectrum: the spectrum, or None if it is not known. All is unknown too if its audience has changed since, so that
        not everybody who reads the row may see it.
    guesses: guesses of its receipt, or None.
    group: the audience of the row, or None for everybody.
    """
    audiences = {None, group.pk if group else None}
    seen = spectrum if spectrum and spectrum.group_id in audiences else None
    return {
        "observed_at": iso(seen.observed_at) if seen else None,
        "date_guessed": bool(seen and date_guess_among(guesses, seen.observed_at)),
        "instrument": (seen.instrument or None) if seen else None,
    }


def _redshift(class_name: str, own: float | None, seen: dict[str, Any]) -> dict[str, Any]:
    """Return the redshift of a classification with its error, source and origin; all None if it is unknown.

    redshift_error: 1σ, or None if nobody gave one.
    redshift_source: "given", "network" or "template".
    redshift_origin: who gave it, such as "reviewer", "upload" or "skyportal".

    The first of these that exists is taken:
    1. the reviewer's own redshift;
    2. the redshift that was known when the decision was taken;
    3. the network's, if it predicted a class of the same group;
    4. the one of the template match, if its class is the one that was decided.
    A Galactic transient has none but a given one.
    """
    template = seen.get("template") or {}
    by_template = template.get("redshift") if template.get("class_name") == class_name else None
    by_network = (seen.get("redshift"), seen.get("redshift_error"))
    group = _group(class_name)
    if group != _group(seen.get("class_name")):
        by_network = (None, None)
    if group == "Galactic":
        by_network, by_template = (None, None), None
    candidates = (
        (own, None, "given", "reviewer"),
        (seen.get("known_redshift"), seen.get("known_redshift_error"), "given", seen.get("known_redshift_origin")),
        (*map(_rounded, by_network), "network", "network"),
        (_rounded(by_template), None, "template", "template"),
    )
    best = next((candidate for candidate in candidates if candidate[0] is not None), (None,) * 4)
    return dict(zip(("redshift", "redshift_error", "redshift_source", "redshift_origin"), best, strict=True))


def _group(class_name: str | None) -> str | None:
    """Return the group of a class in the taxonomy, or None if there is no such class."""
    entry = load_taxonomy().find(class_name or "")
    return entry.group if entry else None


def _rounded(value: float | None) -> float | None:
    """Return the value without the decimals beyond the fifth, which mean nothing in what a network or a fit gives."""
    return None if value is None else round(value, 5)


def iso(moment: datetime | None) -> str | None:
    """Return a time as UTC in ISO 8601 with a Z, or None."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
