"""Taking the demonstration away: simulated transients with everything that belongs to them."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from triage.models import (
    Classification,
    ClassificationChange,
    Decision,
    Original,
    Spectrum,
    SpectrumAct,
    Transient,
)


def simulated_transients() -> int:
    """Return the number of simulated transients."""
    return Transient.objects.filter(simulated=True).count()


def remove_demo() -> int:
    """Delete all simulated transients, with spectra, predictions and decisions; return how many transients there were.

    Simulated and observed spectra never share a transient, so nothing observed is touched. This is the one place where
    decisions are deleted: those of a demonstration say nothing about the sky.
    """
    with transaction.atomic():
        transients = Transient.objects.filter(simulated=True)
        count = transients.count()
        of_demo = Q(transient__in=transients)
        ClassificationChange.objects.filter(of_demo).delete()
        Classification.objects.filter(of_demo).delete()
        # An undo points to the decision that it takes back, so the newest go first.
        for pk in Decision.objects.filter(of_demo).order_by("-pk").values_list("pk", flat=True):
            Decision.objects.filter(pk=pk).delete()
        spectra = Spectrum.objects.filter(Q(simulated=True) | of_demo)
        originals = list(spectra.values_list("original", flat=True))
        SpectrumAct.objects.filter(spectrum__in=spectra).delete()
        spectra.update(current_prediction=None, likely_duplicate_of=None)
        spectra.delete()
        Original.objects.filter(pk__in=originals, spectra__isnull=True).delete()
        transients.delete()
    return count
