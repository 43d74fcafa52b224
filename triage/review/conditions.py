"""Conditions of an automatic policy: the one place that says which predictions pass, in a dry run and in earnest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Exists

from triage.chunks import chunks
from triage.models import AutomaticPolicy, Spectrum
from triage.models.arrays import SpectrumArrays
from triage.models.automatic_classification import contradicting
from triage.models.spectrum import SpectrumQuerySet, no_class_warnings

# Number of spectra whose arrays are read at a time.
MEASURED_AT_ONCE = 100


def passing(rows: SpectrumQuerySet, policy: AutomaticPolicy, *names: str) -> Iterator[dict[str, Any]]:
    """Yield the spectra whose prediction fulfils every condition of a policy, in the order of arrival.

    rows: classified spectra.
    names: fields and annotations to yield, besides pk, transient_id and the prediction's class_name and uncertainty.
    """
    sure = rows.filter(
        current_prediction__class_name__in=policy.class_names,
        current_prediction__uncertainty__lte=1 - policy.probability,
        # How often a policy is right was measured on spectra as they were observed.
        current_prediction__without_host_light__isnull=True,
    )
    if policy.novelty is not None:
        sure = sure.filter(current_prediction__novelty__lte=policy.novelty)
    fields = ["pk", "transient_id", "receipt__warnings", *names]
    fields += [f"current_prediction__{name}" for name in ("class_name", "uncertainty", "conformal_set", "crosscheck")]
    found = sure.order_by("created_at", "pk").values(*fields).iterator()
    agreeing = (row for row in found if _agrees(row, policy))
    if policy.signal_to_noise is None:
        yield from agreeing
        return
    # Arrays are large, so they are read for the few spectra that come this far, and not for all of these at once.
    for rows_at_once in chunks(agreeing, MEASURED_AT_ONCE):
        keys = [row["pk"] for row in rows_at_once]
        measured = ((arrays.pk, arrays.signal()) for arrays in SpectrumArrays.objects.filter(pk__in=keys))
        outstanding = {pk for pk, signal in measured if signal and signal.median >= policy.signal_to_noise}
        yield from (row for row in rows_at_once if row["pk"] in outstanding)


def unanimous(rows: SpectrumQuerySet) -> SpectrumQuerySet:
    """Keep the classified spectra of transients whose spectra are all predicted as the same class."""
    return rows.filter(~Exists(contradicting("current_prediction__class_name")))


def counts_simulated(policy: AutomaticPolicy) -> bool:
    """Return whether spectra of the demo night count: they do while the policy's audience has no others."""
    return not Spectrum.objects.filter(group=policy.group, simulated=False).exists()


def _agrees(row: dict[str, Any], policy: AutomaticPolicy) -> bool:
    """Return whether a prediction fulfils the conditions that the database cannot check."""
    class_name = row["current_prediction__class_name"]
    crosscheck = row["current_prediction__crosscheck"]
    if no_class_warnings(row["receipt__warnings"]):
        return False
    if policy.set_of_one and row["current_prediction__conformal_set"] != [class_name]:
        return False
    return not policy.template_agrees or (crosscheck is not None and crosscheck["class"] == class_name)
