"""The network's answer to spectra that a SkyPortal pushed: read as its synced ones are, kept nowhere."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import numpy as np

from classifier.errors import SpectrumError
from classifier.fusion import fuse
from classifier.predict import SpectrumPrediction
from classifier.readers import read_spectrum
from classifier.spectrum import Spectrum
from triage.inference import load_classifier
from triage.skyportal.payload import SkipError, failure, number, read_spectrum_record
from triage.storing import make_corrections

MAX_SPECTRA = 50
# A cell holds all samples of a spectrum.
csv.field_size_limit(64 << 20)
_SAMPLES = ("wavelengths", "fluxes", "errors")


def analyse(spectra: str, redshift: float | None, server: str) -> dict[str, Any]:
    """Status, message and results for SkyPortal's callback. redshift: known, or None for a blind run."""
    usable: list[tuple[str, Spectrum]] = []
    refused: list[str] = []
    try:
        records = _records(spectra)
    except csv.Error as error:
        return failure(f"no spectrum could be read (they are no CSV table: {error})")
    for index, record in enumerate(records):
        try:
            usable.append((str(record.get("observed_at") or index), _spectrum(record, server)))
        except (SkipError, SpectrumError) as error:
            refused.append(f"spectrum {index}: {error}")
    if not usable:
        return failure(f"no spectrum could be read ({'; '.join(refused) or 'none was sent'})"[:1000])
    classifier = load_classifier()
    results = classifier.predict([(spectrum, redshift) for _, spectrum in usable])
    answers = [(label, r) for (label, _), r in zip(usable, results, strict=True) if isinstance(r, SpectrumPrediction)]
    refused += [r.message for r in results if isinstance(r, SpectrumError)]
    if not answers:
        return failure(f"no spectrum could be classified ({'; '.join(refused)})"[:1000])
    return _success(answers, refused, classifier.hash)


def _records(table: str) -> list[dict[str, Any]]:
    """One for each spectrum of the transient; lists of samples stand in cells, as Python or NumPy writes them."""
    rows = [dict(row) for row in csv.DictReader(io.StringIO(table)) if row.get("type") in (None, "", "source")]
    return [{**row, **{name: _samples(row.get(name)) for name in _SAMPLES}} for row in rows[:MAX_SPECTRA]]


def _samples(cell: Any) -> list[float | None] | None:
    if not isinstance(cell, str) or not cell.strip().startswith("["):
        return None
    return [number(part) for part in re.split(r"[,\s]+", cell.strip().strip("[]").strip()) if part]


def _spectrum(record: dict[str, Any], server: str) -> Spectrum:
    """Raises SkipError or SpectrumError."""
    file = read_spectrum_record(record, server)
    return read_spectrum(file.content, file.filename, make_corrections(file.corrections)).spectrum


def _success(answers: list[tuple[str, SpectrumPrediction]], refused: list[str], checkpoint: str) -> dict[str, Any]:
    first = answers[0][1]
    names = list(first.probabilities)
    fused = fuse(np.array([[answer.probabilities[name] for name in names] for _, answer in answers])).probabilities
    best = int(fused.argmax())
    surest = max((answer for _, answer in answers), key=lambda answer: max(answer.probabilities.values()))
    said = {
        "class": names[best],
        "probability": round(float(fused[best]), 4),
        "probabilities": {name: round(float(p), 4) for name, p in zip(names, fused, strict=True)},
        "conformal_set_90": surest.conformal_set,
        "novelty": round(surest.novelty, 4),
        "redshift": surest.redshift,
        "redshift_error": surest.redshift_error,
        "redshift_used": surest.redshift_used,
        "checkpoint": checkpoint,
    }
    each = [{"observed_at": label, "class": a.class_name, "probabilities": a.probabilities} for label, a in answers]
    counted = f"{len(answers)} spectr{'um' if len(answers) == 1 else 'a'}"
    left_out = f"; left out: {'; '.join(refused)}" if refused else ""
    return {
        "status": "success",
        "message": f"{said['class']} ({said['probability']:.0%}) from {counted}{left_out}"[:1000],
        "analysis": {
            "annotations": said,
            "results": {"format": "json", "data": {**said, "spectra": each, "left_out": refused}},
            "plots": [],
        },
    }
