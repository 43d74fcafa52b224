"""The text files of spectra that go with a report to the TNS."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from triage.models import Spectrum, SpectrumArrays
from triage.models.arrays import unpack
from triage.services.fields import text


def obsdate(moment: datetime) -> str:
    """Return a time in UTC as the TNS writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def text_file(name: str, spectrum: Spectrum) -> tuple[str, str]:
    """Return name and content of a text file with wavelength (Å), flux and, if known, its 1σ error."""
    stem = re.sub(r"[^A-Za-z0-9.+-]", "_", name)[:60]
    day = spectrum.observed_at.astimezone(UTC).strftime("_%Y%m%d") if spectrum.observed_at else ""
    stored = SpectrumArrays.objects.get(spectrum=spectrum)
    columns = [unpack(stored.wavelength), unpack(stored.flux)]
    if stored.flux_error is not None:
        columns.append(unpack(stored.flux_error))
    # A line break in an old record would begin a row of the table.
    instrument = text(spectrum.instrument)
    lines = [f"# {text(name)}", f"# instrument: {instrument}" if instrument else ""]
    lines.append(f"# date-obs (UTC): {obsdate(spectrum.observed_at)}" if spectrum.observed_at else "")
    if taken := spectrum.receipt.get("host_light"):
        lines.append(f"# host light taken off: {taken:.0%} of 4000-7000 Angstrom at rest")
    lines.append("# wavelength(Angstrom) flux" + (" flux_error" if len(columns) == 3 else ""))
    rows = (f"{row[0]:.3f} " + " ".join(f"{value:.6g}" for value in row[1:]) for row in zip(*columns, strict=True))
    return f"{stem}{day}_{spectrum.pk}.txt", "\n".join([*(line for line in lines if line), *rows]) + "\n"
