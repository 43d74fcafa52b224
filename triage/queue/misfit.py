"""Misfits: spectra that contradict what is known of their transient, so that it may be the wrong transient."""

from __future__ import annotations

from classifier.taxonomy import load_taxonomy
from triage.models import Classification, Prediction, Spectrum
from triage.models.audience import User

# A class contradicts a decided one of another group from this probability on.
SURE = 0.8
# The brightness contradicts a class whose probability with it is at most this.
UNLIKELY = 0.1
# A redshift contradicts a known one if it differs by more than so many errors, and by more than FAR (1 + z).
ERRORS, FAR = 5.0, 0.02


def redshift_misfit(known: float | None, prediction: Prediction | None) -> str:
    """Return in words how the predicted redshift contradicts the known one of the transient, or ""."""
    if known is None or prediction is None or prediction.redshift is None or prediction.redshift_error is None:
        return ""
    off = abs(prediction.redshift - known)
    if off <= max(ERRORS * prediction.redshift_error, FAR * (1 + known)):
        return ""
    return f"it looks like z = {prediction.redshift:.3f}, but z = {known:.3f} is known"


def brightness_misfit(prediction: Prediction | None) -> str:
    """Return in words how the brightness contradicts the predicted class, or "".

    prediction: the prediction with what its reader's light curves say, or None.
    """
    bright = prediction.brightness if prediction else None
    if bright is None or bright.absolute is None or bright.of_predicted > UNLIKELY:
        return ""
    return f"with {bright} it is hardly {bright.prediction.class_name}"


def misfit(user: User, spectrum: Spectrum) -> str:
    """Return in words how a spectrum contradicts its well-classified transient, or "".

    user: decisions that the user may not see are left out.
    """
    transient, prediction = spectrum.transient, spectrum.current_prediction
    if transient is None or prediction is None:
        return ""
    decided = Classification.objects.visible_to(user).filter(transient=transient).vetted().newest_first()
    class_name = decided.values_list("decision__class_name", flat=True).first()
    said = []
    if class_name and prediction.probability >= SURE and _group(class_name) != _group(prediction.class_name):
        said.append(f"it looks like {prediction.class_name}, but {transient} was decided to be {class_name}")
    return "; ".join(filter(None, [*said, redshift_misfit(transient.redshift, prediction)]))


def _group(class_name: str) -> str | None:
    entry = load_taxonomy().find(class_name)
    return entry.group if entry else None
