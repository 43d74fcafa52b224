"""The fields of the review page, in one class for each part of the page that a person sees.

``templates/review.html`` and its partials show these fields. Everything here works on rows that were already fetched;
``triage.views.review`` does the queries.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

from django.contrib.auth.models import User

from classifier.lines import LINE_SETS
from classifier.signal_to_noise import NO_CLASS, Signal
from triage.figures.evolution import DatedEpoch, Evolution
from triage.models import (
    Claim,
    Classification,
    Decision,
    Prediction,
    Spectrum,
    Transient,
    Verdict,
)
from triage.queue.filters import QueueFilter
from triage.queue.fused import FusedAnswer
from triage.views.automatic_run import AutomaticEntry
from triage.views.comment_thread import CommentThread
from triage.views.network_answer import ClassChoice, KeyedClass, NetworkAnswer
from triage.views.sky import SkyPlace


@dataclasses.dataclass(frozen=True)
class KnownRedshift:
    """A redshift that does not come from the network.

    value: redshift.
    error: 1σ, or None if it is not known.
    origin: where the redshift comes from, such as "host"; may be empty.
    """

    value: float
    error: float | None
    origin: str

    @classmethod
    def of_transient(cls, transient: Transient) -> Self | None:
        """Return the redshift stored with the transient, or None if it has none."""
        if transient.redshift is None:
            return None
        return cls(transient.redshift, transient.redshift_error, transient.redshift_origin)

    @classmethod
    def of_spectrum(cls, spectrum: Spectrum | None) -> Self | None:
        """Return the redshift that was given with the upload, or None if there was none."""
        if spectrum is None or spectrum.stated_redshift is None:
            return None
        return cls(spectrum.stated_redshift, None, "with this spectrum")


@dataclasses.dataclass(frozen=True)
class EpochTab:
    """A link to one of the transient's spectra.

    spectrum: spectrum that the link opens.
    shown: whether it is the one on the page.
    note: "bad" if a reviewer rejected it, "copy" if it likely duplicates another of them, "contradicts" if it speaks
        against the other epochs, else "".
    """

    spectrum: Spectrum
    shown: bool
    note: str


@dataclasses.dataclass(frozen=True)
class Quality:
    """Quality of the shown spectrum's measurement.

    no_class: why no class can be told from the spectrum, in words, or "" if one can.
    ratio: median signal-to-noise ratio in bins of 10 Å, as text; "" if it is not known or says nothing.
    noise_origin: where the noise is taken from.
    """

    no_class: str
    ratio: str
    noise_origin: str

    @classmethod
    def measured(cls, signal: Signal | None, spectrum: Spectrum | None, *, has_errors: bool) -> Self:
        """Describe the signal-to-noise ratio of a spectrum.

        signal: ratio, or None if it cannot be measured.
        spectrum: the spectrum, or None if the page shows none.
        has_errors: whether its file gives flux errors.
        """
        # A flattened spectrum has a median near zero, however well it was measured.
        flattened = spectrum is not None and spectrum.receipt.get("flux_kind") == "flattened"
        ratio = "" if signal is None or flattened else f"{signal.median:.{1 if signal.median < 10 else 0}f}"
        from_scatter = "the scatter of neighbouring bins (DER_SNR), because the file has no errors"
        noise_origin = "the errors in the file" if has_errors else from_scatter
        codes = [warning["code"] for warning in spectrum.no_class_warnings] if spectrum else []
        return cls(NO_CLASS[codes[0]] if codes else "", ratio, noise_origin)


@dataclasses.dataclass(frozen=True)
class LineSet:
    """A set of spectral lines that can be marked.

    name: its name in the plot's script.
    words: its name on the page.
    """

    name: str
    words: str


def epoch_tabs(spectra: Sequence[Spectrum], shown: Spectrum | None, fused: FusedAnswer | None) -> list[EpochTab]:
    """Return a link for each spectrum, in the order given.

    shown: spectrum on the page.
    fused: answer of all these spectra together, or None with fewer than two.
    """
    contradictory, known = set(fused.contradictory) if fused else set(), {spectrum.pk for spectrum in spectra}

    def note(spectrum: Spectrum) -> str:
        if spectrum.rejected:
            return "bad"
        if spectrum.likely_duplicate_of_id in known:
            return "copy"
        return "contradicts" if spectrum.pk in contradictory else ""

    return [EpochTab(s, shown is not None and s.pk == shown.pk, note(s)) for s in spectra]


def evolution(spectra: Sequence[Spectrum], fused: FusedAnswer | None) -> Evolution | None:
    """Return how the class and the phase of the dated epochs go with time, or None with fewer than two.

    spectra: spectra of the transient.
    fused: answer of all of them together, or None with fewer than two.
    """
    if fused is None:
        return None
    dated = [(spectrum, spectrum.current_prediction, spectrum.observed_at) for spectrum in spectra]
    return Evolution.of(
        [
            DatedEpoch(
                spectrum=spectrum.pk,
                observed_at=observed_at,
                class_name=prediction.class_name,
                probability=prediction.probabilities[fused.class_name],
                phase=prediction.phase.days if prediction.phase else None,
                phase_error=prediction.phase.error if prediction.phase else None,
                contradicts=spectrum.pk in fused.contradictory,
                rejected=spectrum.rejected,
            )
            for spectrum, prediction, observed_at in dated
            if prediction is not None and observed_at is not None and fused.class_name in prediction.probabilities
        ]
    )


def line_sets(prediction: Prediction | None) -> list[LineSet]:
    """Return the sets of lines to choose from, that of the predicted class first."""
    of_class = f"of {prediction.class_name}" if prediction else "usual"
    named = [LineSet(name, name) for name in LINE_SETS]
    return [LineSet("class", of_class), *named, LineSet("chosen", "single elements")]


@dataclasses.dataclass(frozen=True)
class DecisionFields:
    """The form in which a reviewer decides.

    last_decision: id of the newest decision on the page, 0 if there is none.
    locked: whether somebody else has claimed the transient.
    typed: what was typed into a form that was refused, or for a decision that was undone, by field; else empty.
    choices: all classes.
    keyed: next likely classes, each with its key.
    """

    last_decision: int
    locked: bool
    typed: Mapping[str, Any]
    choices: list[ClassChoice]
    keyed: list[KeyedClass]


@dataclasses.dataclass(frozen=True)
class LedgerEntry:
    """A decision as the page lists it.

    decision: the stored row.
    undone: whether it was undone.
    may_undo: whether the user may undo it.
    tags: notes beside it.
    """

    decision: Decision
    undone: bool
    may_undo: bool
    tags: list[str]


def ledger_entries(user: User, decisions: Sequence[Decision]) -> list[LedgerEntry]:
    """Return the decisions in the order given, each with what the page says of it."""
    undone = {decision.supersedes_id for decision in decisions if decision.verdict == Verdict.UNDO}
    return [
        LedgerEntry(
            decision=decision,
            undone=decision.pk in undone,
            may_undo=decision.reviewer_id == user.pk and decision.verdict != Verdict.UNDO and decision.pk not in undone,
            tags=_tags(decision),
        )
        for decision in decisions
    ]


def taken_back(user: User, decisions: Sequence[Decision]) -> dict[str, str]:
    """Return what the user typed for the decision that they undid last, by field; empty if anything was decided since.

    decisions: decisions on the transient, newest first.
    """
    newest = decisions[0] if decisions else None
    if newest is None or newest.reviewer_id != user.pk or newest.verdict != Verdict.UNDO or newest.supersedes is None:
        return {}
    redshift = newest.supersedes.redshift
    return {"redshift": "" if redshift is None else str(redshift), "comment": newest.supersedes.comment}


def _tags(decision: Decision) -> list[str]:
    tags = {
        "settles the dispute": decision.settles,
        "blind": decision.blind,
        "second opinion requested": decision.needs_second and not decision.blind and not decision.settles,
        "in bulk": decision.batch is not None,
    }
    return [tag for tag, applies in tags.items() if applies]


@dataclasses.dataclass(frozen=True)
class VotingRound:
    """Votes on a transient that needs more than one reviewer.

    state: "second_opinion", "disputed", or "" if no round is open.
    votes: each voter's last decision, as far as the user may see them.
    may_settle: whether the user's decision would end a dispute.
    """

    state: str = ""
    votes: tuple[Decision, ...] = ()
    may_settle: bool = False


@dataclasses.dataclass(frozen=True)
class ReviewPage:
    """Everything that the review page shows.

    transient: the transient, annotated by ``for_review``.
    blind: whether the prediction and the first vote are hidden because the user's vote is still wanted.
    filter: queue as the user narrowed it.
    earlier, later: names of the neighbours in that queue, or None at its ends.
    claimed_by_other: another reviewer's claim on the transient, or None.
    wanted: whether a decision of the user is expected next.
    sky: where the transient lies, or None if that is not known.
    transient_redshift: known redshift of the transient, else the one given with the shown spectrum, or None.
    spectrum_redshift: redshift given with the shown spectrum, else the known one of the transient, or None.
    standing: classification that stands, or None; also None while it is hidden.
    automatic: what policies classified, newest first; empty while the prediction is hidden.
    round: open round of votes.
    spectra: number of spectra that the user sees.
    spectrum: the one shown, or None if there is none.
    epochs: links to the spectra.
    evolution: class and phase of the dated epochs over time, or None with fewer than two.
    quality: how well the shown spectrum was measured.
    line_sets: sets of lines that can be marked.
    elements: elements whose lines can be marked one by one.
    network: what the network says, or None without a prediction or while it is hidden.
    history: all predictions for the shown spectrum, newest first.
    form: fields of the decision form, or None if there is nothing to decide on.
    ledger: decisions, newest first; empty while they are hidden.
    comments: thread of comments, or None while it is hidden.
    last_own: user's last decision that was not undone, on any transient; None if there is none.
    has_light_curve: whether a light curve can be drawn.
    """

    transient: Transient
    blind: bool
    filter: QueueFilter
    earlier: str | None
    later: str | None
    claimed_by_other: Claim | None
    wanted: bool
    sky: SkyPlace | None
    transient_redshift: KnownRedshift | None
    spectrum_redshift: KnownRedshift | None
    standing: Classification | None
    automatic: list[AutomaticEntry]
    round: VotingRound
    spectra: int
    spectrum: Spectrum | None
    epochs: list[EpochTab]
    evolution: Evolution | None
    quality: Quality
    line_sets: list[LineSet]
    elements: tuple[str, ...]
    network: NetworkAnswer | None
    history: list[Prediction]
    form: DecisionFields | None
    ledger: list[LedgerEntry]
    comments: CommentThread | None
    last_own: Decision | None
    has_light_curve: bool

    @property
    def with_host(self) -> Prediction | None:
        """Return the newest prediction for the shown spectrum with its host's light, or None."""
        return next((past for past in self.history if past.without_host_light is None), None)
