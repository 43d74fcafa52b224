"""Misfits: spectra that contradict what is known of their transient, so that it may be the wrong transient."""

from __future__ import annotations

from collections.abc import Sequence

from classifier.luminosity import load_table
from classifier.taxonomy import load_taxonomy
from triage.intake.wording import redshift_in_words
from triage.models import Brightness, Classification, Prediction, Spectrum
from triage.models.audience import User

# A class contradicts a decided one of another group from this probability on.
SURE = 0.8
# The brightness is worth words if it changes the answer at least so much.
SURPRISING = 0.3
# A redshift contradicts a known one if it differs by more than so many errors, and by more than FAR (1 + z).
ERRORS, FAR = 5.0, 0.02


def redshift_misfit(known: float | None, prediction: Prediction | None) -> str:
    """Return in words how the predicted redshift contradicts the known one of the transient, or ""."""
    if known is None or prediction is None or prediction.redshift is None or prediction.redshift_error is None:
        return ""
    within_errors = abs(prediction.redshift - known) <= ERRORS * prediction.redshift_error
    if within_errors or not is_far(prediction.redshift, known):
        return ""
    seen = redshift_in_words(prediction.redshift, prediction.redshift_error)
    return f"it looks like z = {seen}, but z = {redshift_in_words(known)} is known"


def is_far(redshift: float, known: float) -> bool:
    """Return whether a redshift is so far from a known one that one of them must be wrong."""
    return abs(redshift - known) > FAR * (1 + known)


def brightness_misfit(prediction: Prediction | None) -> str:
    """Return in words how the brightness contradicts the predicted class, such as "brighter than most SN Ia", or "".

    prediction: the prediction with what its reader's light curves say, or None.
    """
    bright = _surprising(prediction)
    if prediction is None or bright is None or bright.absolute is None or _supports(prediction, bright):
        return ""
    usual = load_table().classes.get(prediction.class_name)
    if usual is None:
        return f"{bright} speaks for {bright.class_name}"
    side = "brighter" if bright.absolute < usual.mean else "fainter"
    # If the maximum was not seen, the light curve tells only how bright it was at least.
    if side == "fainter" and not bright.covered:
        return ""
    return f"{side} than most {prediction.class_name}: {bright}"


def brightness_support(prediction: Prediction | None) -> str:
    """Return in words that the brightness makes the predicted class much more probable, or "".

    prediction: as in ``brightness_misfit``.
    """
    bright = _surprising(prediction)
    return f"{bright} speaks for {bright.class_name}" if prediction and bright and _supports(prediction, bright) else ""


def _surprising(prediction: Prediction | None) -> Brightness | None:
    bright = prediction.brightness if prediction else None
    return bright if bright is not None and (bright.surprise or 0.0) >= SURPRISING else None


def _supports(prediction: Prediction, bright: Brightness) -> bool:
    return bright.of_predicted - prediction.probability >= SURPRISING


def misfits(user: User, spectra: Sequence[Spectrum]) -> dict[int, str]:
    """Return in words how spectra contradict their well-classified transients, by id of the spectrum, in one query.

    user: decisions that the user may not see are left out.
    spectra: spectra with their transients and predictions. Those that contradict nothing are left out.
    """
    transients = [spectrum.transient_id for spectrum in spectra if spectrum.transient_id is not None]
    rows = Classification.objects.visible_to(user).filter(transient__in=transients).vetted().newest_first()
    # The newest comes last, so that it stands.
    decided: dict[int | None, str] = dict(rows.reverse().values_list("transient", "decision__class_name"))
    words = {spectrum.pk: _misfit(spectrum, decided.get(spectrum.transient_id)) for spectrum in spectra}
    return {spectrum: said for spectrum, said in words.items() if said}


def _misfit(spectrum: Spectrum, class_name: str | None) -> str:
    """Return in words how a spectrum contradicts its transient, or "". class_name: the decided class, or None."""
    transient, prediction = spectrum.transient, spectrum.current_prediction
    if transient is None or prediction is None:
        return ""
    said = []
    if class_name and prediction.probability >= SURE and _group(class_name) != _group(prediction.class_name):
        said.append(f"it looks like {prediction.class_name}, but {transient} was decided to be {class_name}")
    return "; ".join(filter(None, [*said, redshift_misfit(transient.redshift, prediction)]))


def _group(class_name: str) -> str | None:
    entry = load_taxonomy().find(class_name)
    return entry.group if entry else None
