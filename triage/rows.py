"""What a row of the queue says of itself, in words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from triage import queue
from triage.models import Prediction, Spectrum

# Where the network's words would not fit any more.
DECIDED = {
    "second_opinion": "one vote is in; another reviewer is wanted",
    "disputed": "two reviewers differ; a third, or staff, settles it",
    "unsure": "a reviewer was unsure",
    "bad_spectrum": "its spectra were called bad",
    "done": "the network said the same",
}


def reason_of(
    transient: Any, prediction: Prediction | None, since: datetime | None, spectrum: Spectrum | None = None
) -> str:
    """Why a transient, annotated by for_review, stands where it does. since: when it arrived. spectrum: the newest,
    which says why it could not be classified."""
    if transient.hidden:
        # Also of one that waits again, as where another audience called its spectrum bad.
        return "one vote is in; yours is wanted, and given blind"
    if transient.review_state in DECIDED:
        return _decided(transient, prediction)
    if prediction is None and spectrum is not None and spectrum.failure_code:
        return str(spectrum.failure_reason)
    return queue.reason(prediction, since, _contradiction(prediction))


def _decided(transient: Any, prediction: Prediction | None) -> str:
    state: str = transient.review_state
    if state == "done" and prediction is None:
        return "without a prediction"
    if state == "done" and prediction is not None and prediction.class_name != transient.standing_class:
        return f"the network said {prediction.class_name}"
    if state == "unsure" and prediction is not None:
        return f"a reviewer was unsure · {queue.reason(prediction, contradiction=_contradiction(prediction))}"
    return DECIDED[state]


def _contradiction(prediction: Any) -> float | None:
    """As queue.current_predictions annotates it."""
    return prediction.contradiction if prediction else None
