"""The network's answer about a spectrum, as the review page shows it.

Everything here works on rows that were already fetched.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from classifier.lines import NEBULAR_FROM
from classifier.taxonomy import load_taxonomy
from triage.models import Prediction, Spectrum
from triage.queue import reasons
from triage.queue.fused import FusedAnswer
from triage.queue.misfit import redshift_misfit
from triage.queue.priority import contradiction, match_words

# Number of likeliest classes that have a bar even if they can be ruled out.
MOST_LIKELY = 6
# The likeliest class is confirmed with a key of its own; the next nine have the keys 1 to 9.
WITH_A_KEY = 10
# So many of the five named matches suggest a subtype.
MOST_OF_FIVE = 3


@dataclasses.dataclass(frozen=True)
class ClassShare:
    """A class in a prediction.

    name: class.
    probability: 0..1.
    in_set: whether the class cannot be ruled out at 90 % confidence.
    """

    name: str
    probability: float
    in_set: bool


@dataclasses.dataclass(frozen=True)
class GroupShare:
    """A group of classes in a prediction.

    name: group.
    probability: sum over its classes, 0..1.
    classes: its classes by falling probability.
    """

    name: str
    probability: float
    classes: list[ClassShare]


@dataclasses.dataclass(frozen=True)
class NetworkAnswer:
    """The current prediction for the shown spectrum.

    prediction: the stored row.
    reason: why a look at the transient is worth while.
    misfit: how the redshift contradicts the known one, in words, or "".
    bars: classes that have a bar, by falling probability.
    exception: a class that was ruled out, and one that was not although it is less likely; None without such a pair.
    groups: all classes in their groups, the likeliest group first.
    fused: answer of all epochs together, or None with fewer than two.
    drawn_redshift: redshift at which the spectrum is drawn, or None if none is known.
    template_strength: how good the best template's match is, in a word; "" without a cross-check.
    """

    prediction: Prediction
    reason: str
    misfit: str
    bars: list[ClassShare]
    exception: tuple[ClassShare, ClassShare] | None
    groups: list[GroupShare]
    fused: FusedAnswer | None
    drawn_redshift: float | None
    template_strength: str

    @property
    def nebular(self) -> bool:
        """Return whether the phase of the spectrum, if it is known, is late enough for nebular lines."""
        phase = self.prediction.phase
        return phase is not None and phase.days > NEBULAR_FROM


def network_answer(prediction: Prediction, spectra: Sequence[Spectrum], fused: FusedAnswer | None) -> NetworkAnswer:
    """Return what the page says about a prediction.

    prediction: prediction for the shown spectrum.
    spectra: all spectra of the transient that the user may see.
    fused: answer of all these spectra together, or None with fewer than two.
    """
    shown = next(spectrum for spectrum in spectra if spectrum.current_prediction_id == prediction.pk)
    used, crosscheck = prediction.redshift_used, prediction.crosscheck
    return NetworkAnswer(
        prediction=prediction,
        reason=reasons.no_class(shown) or reasons.reason(prediction, contradiction=_contradiction(spectra)),
        misfit=redshift_misfit(used, prediction),
        bars=class_bars(prediction),
        exception=exception_to_the_order(prediction),
        groups=_by_group(prediction),
        fused=fused,
        drawn_redshift=prediction.redshift if used is None else used,
        template_strength=match_words(crosscheck["score"]) if crosscheck else "",
    )


def ranked(prediction: Prediction) -> list[ClassShare]:
    """Return all classes of a prediction by falling probability."""
    members = set(prediction.conformal_set)
    shares = [ClassShare(name, share, name in members) for name, share in prediction.probabilities.items()]
    return sorted(shares, key=lambda share: -share.probability)


def class_bars(prediction: Prediction) -> list[ClassShare]:
    """Return the likeliest classes and every class that cannot be ruled out, by falling probability."""
    return [share for place, share in enumerate(ranked(prediction)) if place < MOST_LIKELY or share.in_set]


def exception_to_the_order(prediction: Prediction) -> tuple[ClassShare, ClassShare] | None:
    """Return a class that was ruled out although one that was not is less likely, and that one.

    Each class has a threshold of its own, so the set need not hold the likeliest classes. The first of the pair is the
    likeliest class that was ruled out, the second the least likely one that was not. Returns None if all classes that
    were ruled out are less likely than the others.
    """
    bars = class_bars(prediction)
    outside = next((share for share in bars if not share.in_set), None)
    inside = next((share for share in reversed(bars) if share.in_set), None)
    if outside is None or inside is None or outside.probability <= inside.probability:
        return None
    return outside, inside


def _by_group(prediction: Prediction) -> list[GroupShare]:
    taxonomy = load_taxonomy()
    groups: dict[str, list[ClassShare]] = {}
    for share in ranked(prediction):
        entry = taxonomy.find(share.name)
        groups.setdefault(entry.group if entry else "other", []).append(share)
    rows = [GroupShare(name, sum(share.probability for share in shares), shares) for name, shares in groups.items()]
    return sorted(rows, key=lambda row: -row.probability)


def _contradiction(spectra: Sequence[Spectrum]) -> float | None:
    """Return how strongly the accepted epochs contradict each other (0–1), or None if there is no prediction."""
    predictions = [s.current_prediction for s in spectra if s.current_prediction is not None and not s.rejected]
    predictions.sort(key=lambda prediction: prediction.uncertainty)
    if not predictions:
        return None
    return contradiction([(prediction.class_name, prediction.uncertainty) for prediction in predictions])


@dataclasses.dataclass(frozen=True)
class ClassChoice:
    """A class that a reviewer can choose.

    name, group: class and its parent group.
    aliases: other names under which the class is found, joined by "|".
    probability: 0..1, or None if no prediction of it is shown.
    """

    name: str
    group: str
    aliases: str
    probability: float | None


@dataclasses.dataclass(frozen=True)
class KeyedClass:
    """A class that one key chooses."""

    key: int
    name: str


def class_choices(prediction: Prediction | None) -> list[ClassChoice]:
    """Return all classes of the taxonomy, with their probability if there is a prediction."""
    probabilities = prediction.probabilities if prediction else {}
    return [
        ClassChoice(entry.name, entry.group, "|".join(entry.aliases), probabilities.get(entry.name))
        for entry in load_taxonomy().classes
    ]


def keyed_classes(prediction: Prediction | None) -> list[KeyedClass]:
    """Return the likeliest classes other than the predicted one, with the keys that choose them.

    The key 0 chooses the subtype that most of the named matches have, if the taxonomy knows it and no network predicts
    it.
    """
    if prediction is None:
        return []
    places = enumerate(ranked(prediction)[:WITH_A_KEY])
    keyed = [KeyedClass(key, share.name) for key, share in places if share.name != prediction.class_name]
    subtype = _subtype(prediction)
    return [*keyed, KeyedClass(0, subtype)] if subtype else keyed


def _subtype(prediction: Prediction) -> str | None:
    kind, count = prediction.named.best_type if prediction.named else ("", 0)
    taxonomy = load_taxonomy()
    entry = taxonomy.find(kind) or taxonomy.find(f"SN {kind}")
    return entry.name if entry and not entry.trained and count >= MOST_OF_FIVE else None
