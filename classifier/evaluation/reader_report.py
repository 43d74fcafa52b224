"""``python -m classifier.evaluation.reader_report FOLDER MANIFEST``: what the readers make of an archive, as Markdown.

The manifest is a CSV with the columns file, instrument and obs_date (YYYY-MM-DD), as an archive gives them.
"""

from __future__ import annotations

import collections
import csv
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

from classifier.errors import SpectrumError
from classifier.readers import Reading, read_spectrum


class Outcome(NamedTuple):
    """One file of an archive: its row of the manifest, the reading or the refusal, and the CPU time in seconds."""

    row: Mapping[str, str]
    result: Reading | SpectrumError
    seconds: float


def read_all(folder: Path, manifest: Path) -> Iterator[Outcome]:
    """Read every file of the manifest. Raises OSError where the manifest or a file is missing."""
    with manifest.open(newline="", encoding="utf-8-sig") as opened:
        for row in csv.DictReader(opened):
            started = time.process_time()
            result: Reading | SpectrumError
            try:
                result = read_spectrum(folder / row["file"])
            except SpectrumError as error:
                result = error
            yield Outcome(row, result, time.process_time() - started)


def report(outcomes: list[Outcome]) -> Iterator[str]:
    """Return Markdown lines: counts, dates compared with the manifest's, and a table of instruments."""
    read = [(one.row, one.result) for one in outcomes if not isinstance(one.result, SpectrumError)]
    seconds = sorted(one.seconds for one in outcomes)
    yield f"{len(outcomes)} files, {len(read)} read, {len(outcomes) - len(read)} refused"
    yield f"CPU time a file: median {1e3 * seconds[len(seconds) // 2]:.1f} ms, longest {1e3 * seconds[-1]:.1f} ms"
    for one in outcomes:
        if isinstance(one.result, SpectrumError):
            yield f"- refused: {one.row['file']}: {one.result.code}"
    dates = collections.Counter(_date_agrees(row, reading) for row, reading in read)
    yield "Dates: " + ", ".join(f"{count} {how}" for how, count in sorted(dates.items()))
    warned = collections.Counter(w["code"] for _, reading in read for w in reading.receipt["warnings"])
    yield "Warnings: " + ", ".join(f"{count} {code}" for code, count in warned.most_common())
    yield ""
    yield "| instrument | files | from, Å | to, Å |"
    yield "|---|---:|---:|---:|"
    ranges = collections.defaultdict(list)
    for row, reading in read:
        ranges[row["instrument"]].append(reading.spectrum.wavelength_range)
    for instrument, both in sorted(ranges.items()):
        yield f"| {instrument} | {len(both)} | {min(b[0] for b in both):.0f} | {max(b[1] for b in both):.0f} |"


def _date_agrees(row: Mapping[str, str], reading: Reading) -> str:
    at = reading.spectrum.observed_at
    if at is None:
        return "unknown"
    days = abs((at.date() - date.fromisoformat(row["obs_date"][:10])).days)
    return "the same" if days == 0 else "a day apart" if days == 1 else "further apart"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print("\n".join(report(list(read_all(Path(sys.argv[1]), Path(sys.argv[2]))))))
