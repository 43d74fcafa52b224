"""Facts about a spectrum that people stated, told apart from those that its file gives."""

from __future__ import annotations

from django.utils.dateparse import parse_datetime

from classifier.readers.coordinates import sexagesimal
from triage.intake.naming import NamedBy
from triage.intake.wording import moment_in_words, redshift_in_words
from triage.models import Spectrum


def stated_facts(spectrum: Spectrum) -> list[str]:
    """Return in words the facts that people stated with the upload or later, such as "redshift 0.0312".

    A stated fact that is the same in the file is left out.
    """
    read = spectrum.receipt.get("metadata", {})
    facts = []
    if spectrum.transient and spectrum.receipt.get("named_by") == NamedBy.PERSON:
        facts.append(f"transient {spectrum.transient.name}")
    if spectrum.stated_redshift is not None:
        facts.append(f"redshift {redshift_in_words(spectrum.stated_redshift)}")
    if spectrum.observed_at and spectrum.observed_at != parse_datetime(read.get("observed_at") or ""):
        facts.append(f"observed {moment_in_words(spectrum.observed_at)}")
    if spectrum.instrument and spectrum.instrument != (read.get("instrument") or "")[:120]:
        facts.append(f"instrument {spectrum.instrument}")
    place = spectrum.receipt.get("coordinates")
    if place and place != [read.get("ra"), read.get("dec")]:
        facts.append(f"place {' '.join(sexagesimal(*place))}")
    return facts
