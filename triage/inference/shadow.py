"""Shadow runs: a candidate checkpoint predicts vetted spectra, to see what a promotion would change."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from classifier.errors import SpectrumError
from classifier.predict import Classifier
from triage.chunks import chunks
from triage.inference.samples import spectrum_value
from triage.models import Checkpoint, Spectrum, SpectrumArrays

CHUNK = 64


@dataclasses.dataclass(frozen=True)
class Flip:
    """A spectrum whose predicted class the candidate would change.

    Attributes:
        transient: name of the transient.
        spectrum: id of the spectrum.
        vetted: the reviewers' class.
        before: the class of the current prediction, or "" if there is none.
        after: the candidate's class, or "" if it cannot use the spectrum.
    """

    transient: str
    spectrum: int
    vetted: str
    before: str
    after: str


@dataclasses.dataclass(frozen=True)
class Shadow:
    """The result of a shadow run.

    Attributes:
        spectra: number of vetted spectra that were compared.
        right_before: how many current predictions agree with the reviewers.
        right_after: how many of the candidate's predictions agree with the reviewers.
        flips: the spectra whose class would change.
    """

    spectra: int
    right_before: int
    right_after: int
    flips: list[Flip]

    def summary(self) -> dict[str, Any]:
        """Return the numbers that are stored in the candidate's record."""
        return {
            "at": timezone.now().isoformat(),
            "spectra": self.spectra,
            "right_before": self.right_before,
            "right_after": self.right_after,
            "flips": len(self.flips),
        }


def run(candidate: Classifier, record: Checkpoint) -> Shadow:
    """Predict all vetted spectra with a candidate and return what would change.

    candidate: the loaded candidate.
    record: its record, in which the numbers are stored. No prediction is stored or changed.
    """
    flips: list[Flip] = []
    spectra = right_before = right_after = 0
    for spectrum, after in _predicted(candidate):
        before = spectrum.current_prediction.class_name if spectrum.current_prediction else ""
        vetted = spectrum.vetted_class
        spectra += 1
        right_before += before == vetted
        right_after += after == vetted
        if before != after:
            flips.append(Flip(str(spectrum.transient), spectrum.pk, vetted, before, after))
    shadow = Shadow(spectra, right_before, right_after, flips)
    record.shadow = shadow.summary()
    record.save(update_fields=["shadow"])
    return shadow


def _predicted(candidate: Classifier) -> Iterator[tuple[Spectrum, str]]:
    ids = list(Spectrum.objects.vetted().order_by("id").values_list("id", flat=True))
    for chunk in chunks(ids, CHUNK):
        arrays = SpectrumArrays.objects.in_bulk(chunk)
        spectra = list(Spectrum.objects.vetted().filter(id__in=chunk).order_by("id"))
        items = [(spectrum_value(spectrum, arrays), spectrum.known_redshift) for spectrum in spectra]
        for spectrum, result in zip(spectra, candidate.predict(items), strict=True):
            yield spectrum, "" if isinstance(result, SpectrumError) else result.class_name
