"""What the file of a spectrum says about the fields of a report that nobody has entered."""

from __future__ import annotations

import dataclasses
from typing import Self

from triage.models import Spectrum
from triage.services.fields import text
from triage.services.tns.tables import Tables, same_name


@dataclasses.dataclass(frozen=True)
class FromFile:
    """Facts of one spectrum for its report.

    instrument: number at the TNS, or None if its table has no or several such instruments.
    observer, reducer: people, or "".
    exposure_s: exposure time in seconds, or None.
    instrument_guess: how the instrument was guessed, as a sentence for people; "" if the file says it in full.
    date_guess: the same for the time of observation.
    """

    instrument: int | None = None
    observer: str = ""
    reducer: str = ""
    exposure_s: float | None = None
    instrument_guess: str = ""
    date_guess: str = ""

    @classmethod
    def of(cls, spectrum: Spectrum, tables: Tables) -> Self:
        """Return what the receipt of a spectrum says, and what people have corrected of it."""
        stated = spectrum.receipt.get("metadata") or {}
        instrument = _instrument(tables, spectrum.instrument, stated.get("telescope") or "")
        called = "" if instrument is None else tables.instruments[instrument]
        guessed = bool(called) and not same_name(called, spectrum.instrument)
        return cls(
            instrument=instrument,
            observer=text(spectrum.observer),
            reducer=stated.get("reducer") or "",
            exposure_s=stated.get("exposure_s"),
            instrument_guess=f"The instrument {called} is guessed from “{spectrum.instrument}”." if guessed else "",
            date_guess=_guess_of_date(spectrum),
        )


def _instrument(tables: Tables, instrument: str, telescope: str) -> int | None:
    """Return the number of the only instrument that can be meant; the TNS calls one “P60 - SEDM”."""
    if not instrument:
        return None
    whole = [number for number, name in tables.instruments.items() if same_name(name, instrument)]
    last = [number for number, name in tables.instruments.items() if same_name(name.rpartition(" - ")[2], instrument)]
    there = [number for number in last if same_name(tables.instruments[number].partition(" - ")[0], telescope)]
    return next((found[0] for found in (whole, there, last) if len(found) == 1), None)


def _guess_of_date(spectrum: Spectrum) -> str:
    """Return that the time of observation is a guess of the reader, and why; "" if it is none."""
    if (guess := spectrum.date_guess) is None:
        return ""
    return f"The time of observation {spectrum.observed_at:%Y-%m-%d %H:%M} is a guess: {guess['evidence']}."
