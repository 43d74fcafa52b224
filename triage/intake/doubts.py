"""Doubts about a reading: what in a receipt changes the meaning of a spectrum, so that it must not be overlooked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triage.intake.wording import in_words, value_in_words

# Warnings about the wavelengths, the flux, the date or the rows. The other warnings are mild.
TELLING = frozenset(
    {"unit_unknown", "unit_contradicted", "scale_contradicted", "flux_contradicted", "looks_rest_frame", "looks_model"}
    | {"date_unreadable", "date_impossible", "date_future", "date_contradicted"}
    | {"truncated", "rows_left_out", "host_spectrum"}
)
# Guesses that change the meaning where they are less sure than SURE.
GUESSES = frozenset({"wavelength_unit", "wavelength_scale", "frame"})
SURE = 0.9


def doubts(receipt: Mapping[str, Any]) -> list[str]:
    """Return in words what changes the meaning of a spectrum: warnings, then unsure guesses.

    receipt: receipt of the reading, as Spectrum.receipt stores it.
    """
    warned = [warning["message"] for warning in receipt.get("warnings", []) if warning["code"] in TELLING]
    guessed = [
        f"the {in_words(guess['what'])} was guessed: {value_in_words(guess['value'])} ({guess['evidence']})"
        for guess in receipt.get("guesses", [])
        if guess["what"] in GUESSES and guess["confidence"] < SURE
    ]
    return warned + guessed
