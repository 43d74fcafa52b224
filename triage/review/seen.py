"""Copy of the answers that a reviewer saw when deciding. It stays in the ledger, so that a decision explains itself."""

from __future__ import annotations

from django.contrib.auth.models import Group

from triage.models import Prediction, Spectrum, Transient
from triage.queue.priority import GOOD_MATCH


def summary(prediction: Prediction | None, group: Group | None) -> dict[str, object]:
    """Return what a decision keeps of the prediction that its reviewer saw; empty without one.

    group: audience of the decision.
    """
    if prediction is None:
        return {}
    return {
        "id": prediction.pk,
        "class_name": prediction.class_name,
        "probability": round(prediction.probability, 6),
        "redshift": prediction.redshift,
        "redshift_error": prediction.redshift_error,
        "redshift_used": prediction.redshift_used,
        "template": _template(prediction),
        "novelty": prediction.novelty,
        "without_host_light": prediction.without_host_light,
        "checkpoint": prediction.checkpoint.hash,
        "library": _named(prediction),
        "brightness": _brightness(prediction, group),
    }


def _named(prediction: Prediction) -> dict[str, object] | None:
    """Return the best named match and the phase, with the library's hash; None without a library."""
    named = prediction.named
    if named is None:
        return None
    best = f"{named.matches[0]['name']} ({named.matches[0]['type']})" if named.matches else ""
    return {"looks_like": best, "phase": named.phase, "phase_error": named.phase_error, "hash": named.library}


def _brightness(prediction: Prediction, group: Group | None) -> dict[str, object] | None:
    """Return what the light curve said; None without one that all readers of the decision may see."""
    seen = getattr(prediction, "visible_brightnesses", [])
    told = [row for row in seen if row.group_id is None or row.group == group]
    row = max(told, key=lambda row: row.points, default=None)
    if row is None or row.absolute is None:
        return None
    kept = (
        "absolute",
        "absolute_error",
        "filter",
        "covered",
        "class_name",
        "probability",
        "phase",
        "phase_error",
        "table",
    )
    return {name: getattr(row, name) for name in kept}


def _template(prediction: Prediction) -> dict[str, object] | None:
    """Return class and redshift of the best template, or None if its match may be chance."""
    match = prediction.crosscheck or {}
    if match.get("score", 0) < GOOD_MATCH:
        return None
    return {"class_name": match["class"], "redshift": match["redshift"]}


def known_redshift(transient: Transient, spectrum: Spectrum | None) -> dict[str, object]:
    """Return the redshift known when the decision was taken, and its origin; empty if unknown."""
    if spectrum is not None and spectrum.stated_redshift is not None:
        return {"known_redshift": spectrum.stated_redshift, "known_redshift_origin": "upload"}
    if transient.redshift is not None:
        origin = transient.redshift_origin or "catalogue"
        known = {"known_redshift": transient.redshift, "known_redshift_origin": origin}
        return known | {"known_redshift_error": transient.redshift_error}
    return {}
