"""A candidate checkpoint beside the current one, on spectra whose class reviewers have vetted: what would change?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from classifier.errors import SpectrumError
from classifier.predict import Classifier
from triage.inference import known_redshift, spectrum_value
from triage.models import Checkpoint, Classification, Spectrum, SpectrumArrays
from triage.querysets import SpectrumQuerySet

CHUNK = 64


@dataclasses.dataclass(frozen=True)
class Flip:
    """before, after: the class that stands and the candidate's; "" where there is none."""

    transient: str
    spectrum: int
    vetted: str
    before: str
    after: str


@dataclasses.dataclass(frozen=True)
class Shadow:
    """spectra: how many were compared. right_before, right_after: of these, how many agree with the reviewers."""

    spectra: int
    right_before: int
    right_after: int
    flips: list[Flip]

    def figures(self) -> dict[str, Any]:
        return {
            "at": timezone.now().isoformat(),
            "spectra": self.spectra,
            "right_before": self.right_before,
            "right_after": self.right_after,
            "flips": len(self.flips),
        }


def run(candidate: Classifier, record: Checkpoint) -> Shadow:
    """Predict all vetted spectra with the candidate. No prediction is stored or changed; the figures are noted in the
    candidate's record."""
    flips: list[Flip] = []
    spectra = right_before = right_after = 0
    for spectrum, after in _predicted(candidate):
        before = spectrum.current_prediction.class_name if spectrum.current_prediction else ""
        vetted: str = spectrum.vetted_class
        spectra += 1
        right_before += before == vetted
        right_after += after == vetted
        if before != after:
            flips.append(Flip(spectrum.transient.name, spectrum.pk, vetted, before, after))
    shadow = Shadow(spectra, right_before, right_after, flips)
    record.shadow = shadow.figures()
    record.save(update_fields=["shadow"])
    return shadow


def vetted_spectra() -> SpectrumQuerySet:
    """Spectra of vetted transients, but for those called bad, with vetted_class and vetted_redshift as its audience
    knows them."""
    audience = Q(group__isnull=True) | Q(group=OuterRef("group"))
    vetted = Classification.objects.filter(audience, transient=OuterRef("transient"), vetted=True).newest_first()
    spectra: SpectrumQuerySet = Spectrum.objects.filter(rejected=False, arrays__isnull=False)
    spectra = spectra.annotate(
        vetted_class=Subquery(vetted.values("decision__class_name")[:1]),
        vetted_redshift=Subquery(vetted.values("decision__redshift")[:1]),
    )
    return spectra.filter(vetted_class__isnull=False).select_related("transient", "current_prediction")


def _predicted(candidate: Classifier) -> Iterator[tuple[Any, str]]:
    ids = list(vetted_spectra().order_by("id").values_list("id", flat=True))
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        arrays = SpectrumArrays.objects.in_bulk(chunk)
        spectra = list(vetted_spectra().filter(id__in=chunk).order_by("id"))
        items = [(spectrum_value(spectrum, arrays), known_redshift(spectrum)) for spectrum in spectra]
        for spectrum, result in zip(spectra, candidate.predict(items), strict=True):
            yield spectrum, "" if isinstance(result, SpectrumError) else result.class_name
