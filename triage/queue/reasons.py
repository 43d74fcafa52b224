"""The reason on a row of the queue: why the transient stands where it does, in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from classifier.signal_to_noise import NO_CLASS
from triage.models import Prediction, Spectrum
from triage.models.classification import WAITING_STATES
from triage.queue import priority
from triage.queue.misfit import brightness_misfit, brightness_support, redshift_misfit

# Reasons of transients that have a decision: the network's reason would no longer fit.
DECIDED = {
    "second_opinion": "one vote is in; another reviewer is wanted",
    "disputed": "two reviewers differ; a third, or staff, settles it",
    "unsure": "a reviewer was unsure",
    "bad_spectrum": "its spectra were called bad",
    "done": "the network said the same",
}
# A spectrum is called unlike the known ones if more than this share of them looked more familiar.
NOVEL = 0.97
# A single likely class is named with the second one if the prediction's uncertainty is larger than this.
UNCERTAIN = 0.2
# A row names so many classes of the conformal set.
NAMED_CLASSES = 3
# A row says that epochs disagree from this contradiction on (see triage.queue.priority).
DISAGREE = 0.3


def reason_of(
    transient: Any, prediction: Prediction | None, since: datetime | None, spectrum: Spectrum | None = None
) -> str:
    """Return why a transient stands where it does in the queue.

    transient: row annotated by ``for_review``.
    prediction: its current prediction with the annotation of ``current_predictions``, or None.
    since: time of its arrival, or None to leave out how long it waits.
    spectrum: its newest spectrum, whose failure is the reason if there is no prediction.
    """
    if transient.hidden:
        # This comes first: such a transient may wait again, because another audience called its spectrum bad.
        # In these states it may be a drawn one, on which nobody has voted.
        may_be_first = transient.standing_state in (*WAITING_STATES, "unsure")
        words = "your vote is wanted, and given blind"
        return words if may_be_first else "one vote is in; yours is wanted, and given blind"
    if transient.review_state in DECIDED:
        return _decided(transient, prediction)
    if transient.review_state == "automatic":
        return f"no person has looked · {reason(prediction, contradiction=_contradiction(prediction))}"
    if prediction is None and spectrum is not None and spectrum.failure_code:
        return str(spectrum.failure_reason)
    if prediction is not None and (noise := no_class(prediction.spectrum)):
        return noise if since is None else f"{noise} · waits {age(timezone.now() - since)}"
    words = reason(prediction, since, _contradiction(prediction))
    known = [redshift_misfit(transient.redshift, prediction), brightness_misfit(prediction)]
    return " · ".join(filter(None, [*known, brightness_support(prediction), words]))


def _decided(transient: Any, prediction: Prediction | None) -> str:
    state: str = transient.review_state
    if state == "done" and prediction is None:
        return "without a prediction"
    if state == "done" and prediction is not None and prediction.class_name != transient.standing_class:
        return f"the network said {prediction.class_name}"
    if state == "done" and (_contradiction(prediction) or 0.0) >= DISAGREE:
        return "an epoch contradicts the decision"
    if state == "unsure" and prediction is not None:
        return f"a reviewer was unsure · {reason(prediction, contradiction=_contradiction(prediction))}"
    return DECIDED[state]


def _contradiction(prediction: Any) -> float | None:
    return prediction.contradiction if prediction else None


def reason(prediction: Prediction | None, since: datetime | None = None, contradiction: float | None = None) -> str:
    """Return why a waiting transient stands where it does, such as "sure of SN Ia · waits 3 d".

    The parts that add most to the value of a look come first.

    prediction: its current prediction, or None.
    since: time of its arrival, or None to leave out how long it waits.
    contradiction: how strongly its epochs contradict each other, or None if it has one epoch.
    """
    if prediction is None:
        return "waits for the network"
    # ``misfit.brightness_misfit`` gives the words about brightness, which stand before these.
    adds = priority.contributions(
        prediction.class_name,
        prediction.uncertainty,
        prediction.novelty,
        prediction.crosscheck,
        contradiction or 0.0,
        surprise=0.0,
    )
    least = {"uncertainty": 0.0, "contradiction": DISAGREE * priority.WEIGHTS["contradiction"]}
    named = {name: added for name, added in adds.items() if added >= least.get(name, priority.NAMED)}
    parts = [(added, _words(name, prediction)) for name, added in named.items()]
    if since is not None:
        waited = timezone.now() - since
        parts.append((priority.waited(waited), f"waits {age(waited)}"))
    return " · ".join(words for _, words in sorted(parts, key=lambda part: -part[0]))


def no_class(spectrum: Spectrum) -> str:
    """Return in words why the class of a spectrum is not to be trusted, or "" if no warning says so."""
    codes = [warning["code"] for warning in spectrum.no_class_warnings]
    return f"{NO_CLASS[codes[0]]}: do not trust the class" if codes else ""


def unusual(prediction: Prediction) -> str:
    """Return in words whether the predicted class is rare and the spectrum novel, or "" if neither is so."""
    rare = prediction.class_name in priority.rare_classes()
    parts = [("novelty", prediction.novelty >= NOVEL), ("rarity", rare)]
    return " · ".join(_words(name, prediction) for name, holds in parts if holds)


def _words(part: str, prediction: Prediction) -> str:
    """Return the words for one part of the priority (a key of ``priority.WEIGHTS``)."""
    if part == "uncertainty":
        return _classes(prediction)
    if part == "disagreement":
        return f"templates say {(prediction.crosscheck or {})['class']}"
    if part == "rarity":
        return f"{prediction.class_name} is rare"
    return "unlike anything the network knows" if part == "novelty" else "its epochs disagree"


def _classes(prediction: Prediction) -> str:
    """Return the classes of the conformal set in words; a single class that is not probable comes with the next one."""
    within = prediction.conformal_set
    if len(within) < 2:
        if prediction.uncertainty <= UNCERTAIN:
            return f"sure of {prediction.class_name}"
        first, second = sorted(prediction.probabilities, key=lambda name: -prediction.probabilities[name])[:2]
        return f"probably {first}, less so {second}"
    if len(within) > NAMED_CLASSES:
        return f"could be {', '.join(within[:NAMED_CLASSES])} or {len(within) - NAMED_CLASSES} more"
    return f"could be {', '.join(within[:-1])} or {within[-1]}"


def age(elapsed: timedelta) -> str:
    """Return a time span in its largest unit, such as "3 d"."""
    seconds = max(int(elapsed.total_seconds()), 0)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
