"""Text tables in the dialects astronomers write: any separator, header style, exponent or line ending."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers import metadata, units
from classifier.readers.limits import MAX_ROWS
from classifier.readers.receipt import Corrections, Receipt
from classifier.spectrum import MIN_SAMPLES, Array, Spectrum

_COMMENT = ("#", "%", "!", "//", "\\")
_KEY_VALUE = re.compile(r"^\s*([A-Za-z][\w .-]{0,40}?)\s*[=:]\s*(.*)$")
_FORTRAN = re.compile(r"(?<=[\d.])[dD](?=[+-]?\d)")
_BARE_EXPONENT = re.compile(r"(?<=\d)([+-]\d{2,3})$")
_WORDS_FOR_MISSING = {"", "nan", "null", "none", "--", "---", "indef", "n/a", "na", "nodata", "inf", "-inf"}

_WAVELENGTH_UNIT_KEYS = (
    "WAVELENGTH UNITS",
    "WAVELENGTH UNIT",
    "WAVELENGTH_UNIT",
    "WAVEUNIT",
    "CUNIT1",
    "WL UNITS",
)
_WAVELENGTH = re.compile(r"^(wave|wl|lambda|lam\b|loglam|log_?lam|log_?wave|ang|wvl|x$)", re.I)
_FLUX = re.compile(r"(flux|flam|fnu|f_?lambda|counts?$|intensity|spec|mag|^f$|^y$)", re.I)
_ERROR = re.compile(r"(err|sig|std|unc|noise|rms|dflux|e_)", re.I)
_VARIANCE = re.compile(r"var", re.I)
_IVAR = re.compile(r"(ivar|inv.*var)", re.I)
_OTHER = re.compile(r"(sky|back|bkg|cont|mask|qual|flag|smooth|telluric|resp)", re.I)


@dataclasses.dataclass
class _Table:
    """comments, names: what stood before and between the rows; values: (rows, columns), NaN where a cell is missing."""

    comments: list[str]
    names: list[str]
    values: Array


def read_text(content: bytes, receipt: Receipt, corrections: Corrections) -> Spectrum:
    """Read a table of at least two columns. Raises SpectrumError ("binary", "no_table", "too_many_rows", …)."""
    receipt.format = "text"
    lines = re.split(r"\r\n|\r|\n", _decode(content))
    if len(lines) > MAX_ROWS:
        raise SpectrumError("too_many_rows", f"more than {MAX_ROWS:,} lines")
    table = _parse(lines, receipt)
    header = _header(table.comments)
    wave_column, flux_column = _main_columns(table, receipt, corrections)
    said = [
        *table.names[wave_column : wave_column + 1],
        *(header.get(key, "") for key in _WAVELENGTH_UNIT_KEYS),
    ]
    unit = units.unit_said(" ".join(said))
    wavelength = units.to_angstrom(table.values[:, wave_column], unit, receipt, corrections)
    flux = table.values[:, flux_column]
    error = _error_column(table, wave_column, flux_column, header, receipt, corrections)
    flux_said = units.flux_said(" ".join(table.names[flux_column : flux_column + 1]) + " " + header.get("BUNIT", ""))
    converted, kind = units.to_flam(wavelength, flux, flux_said, receipt, corrections)
    if error is not None and kind in ("fnu", "abmag"):
        relative = error / flux if kind == "fnu" else error * (0.4 * np.log(10))
        error = np.abs(relative * converted)
    if re.search(r"de-?redshift|rest[ -]?frame|rest[ -]?wave", " ".join(table.comments), re.I):
        receipt.warn(
            "looks_rest_frame",
            "the header speaks of a rest frame; if the redshift is taken out, correct the frame",
        )
    return units.finish(
        wavelength,
        converted,
        error,
        receipt,
        corrections,
        flux_kind=kind,
        **metadata.collect(header, receipt),
    )


def _decode(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    sample = content[:65536]
    odd = sum(byte < 9 or 13 < byte < 32 for byte in sample)
    if odd > 0.02 * len(sample):
        raise SpectrumError("binary", "neither text nor a FITS file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _parse(lines: Sequence[str], receipt: Receipt) -> _Table:
    comments: list[str] = []
    rows: list[str] = []
    skipped = 0
    for line in lines:
        stripped = line.strip()
        if not stripped:
            continue
        if stripped[0] in "+-.0123456789" or (rows and stripped[:3].lower() in ("nan", "inf", "ind")):
            rows.append(stripped)
        elif stripped.startswith(_COMMENT) or not rows:
            comments.append(stripped.lstrip("#%!/\\ "))
        else:
            skipped += 1
    receipt.rows_read = len(rows)
    if len(rows) < MIN_SAMPLES:
        raise SpectrumError("no_table", f"found {len(rows)} rows of numbers; a spectrum needs {MIN_SAMPLES}")
    receipt.drop("line without numbers", skipped)
    separator, decimal_comma = _dialect(rows)
    rows = _plain_numbers(rows, separator, decimal_comma)
    values = _fast(rows, separator)
    if values is None:
        values = _row_by_row(rows, separator, receipt)
    if values.ndim != 2 or values.shape[1] < 2:
        raise SpectrumError("one_column", "one column of numbers: wavelengths and flux are both needed")
    return _Table(comments, _column_names(comments, values.shape[1], separator), values)


def _dialect(rows: Sequence[str]) -> tuple[str | None, bool]:
    """Separator (None: white space) and whether the comma is the decimal sign, from rows in the middle."""
    sample = rows[len(rows) // 2 :][:5]
    if all(";" in row for row in sample):
        return ";", any("," in row for row in sample)
    words = [row.split() for row in sample]
    if all(len(row) >= 2 and all(re.fullmatch(r"[+-]?\d*,\d+\S*", w) for w in row[:2]) for row in words):
        return None, True
    if all("," in row for row in sample):
        return ",", False
    return None, False


def _plain_numbers(rows: list[str], separator: str | None, decimal_comma: bool) -> list[str]:
    sample = rows[:: max(len(rows) // 50, 1)]
    if decimal_comma:
        rows = [row.replace(",", ".") for row in rows]
    if any(_FORTRAN.search(row) for row in sample):
        rows = [_FORTRAN.sub("e", row) for row in rows]
    return [row.rstrip(separator) for row in rows] if separator else rows


def _fast(rows: list[str], separator: str | None) -> Array | None:
    try:
        values: Array = np.loadtxt(rows, delimiter=separator, comments=None, ndmin=2, dtype=np.float64)
    except ValueError:
        return None
    return values


def _row_by_row(rows: list[str], separator: str | None, receipt: Receipt) -> Array:
    """The patient way, for tables with missing cells, remarks after the numbers or rows of unequal length."""
    parsed = (
        [[_number(cell) for cell in re.split(r"[\s,]+", row) if cell] for row in rows]
        if separator is None
        else [[_number(cell) for cell in row.split(separator)] for row in rows]
    )
    lengths = np.array([len(row) for row in parsed])
    width = int(np.bincount(lengths).argmax())
    whole = [row for row in parsed if len(row) >= width]
    receipt.drop("row too short", len(parsed) - len(whole))
    return np.array([row[:width] for row in whole], dtype=np.float64)


def _number(cell: str) -> float:
    cell = cell.strip().strip("\"'")
    if cell.lower() in _WORDS_FOR_MISSING:
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        pass
    try:
        # Fortran drops the letter where an exponent has three digits: 1.0-105.
        return float(_BARE_EXPONENT.sub(r"e\1", cell))
    except ValueError:
        return float("nan")


def _column_names(comments: Sequence[str], columns: int, separator: str | None) -> list[str]:
    """Names from the last header line that has one word for each column and no number; [] if there is none."""
    for line in reversed(comments[-5:]):
        words = [w.strip().strip("\"'") for w in (line.split(separator) if separator else re.split(r"[\s,|]+", line))]
        words = [word for word in words if word]
        named = any(_WAVELENGTH.search(word) or _FLUX.search(word) for word in words)
        if len(words) >= columns and named and not any(_KEY_VALUE.match(word) for word in words):
            return words[:columns]
    return []


def _header(comments: Sequence[str]) -> dict[str, str]:
    """``KEY: value``, ``KEY = 'value' / comment`` and ``KEY value`` lines, keys in upper case; never parsed further,
    so that 00:04:25.70 stays a text."""
    header: dict[str, str] = {}
    for line in comments:
        match = _KEY_VALUE.match(line)
        if match:
            value = match[2].strip()
            quoted = re.match(r"'([^']*)'", value)
            header.setdefault(match[1].strip().upper(), quoted[1].strip() if quoted else value.split(" / ")[0].strip())
    return header


def _main_columns(table: _Table, receipt: Receipt, corrections: Corrections) -> tuple[int, int]:
    columns = table.values.shape[1]
    named_wave = next((i for i, name in enumerate(table.names) if _WAVELENGTH.search(name)), None)
    wave = 0 if named_wave is None else named_wave
    if named_wave is None and columns > 2 and _is_row_number(table.values[:, 0]):
        wave = 1
        receipt.guess("wavelength_column", 1, "the first column counts the rows", 0.8)
    if corrections.wavelength_column is not None:
        wave = corrections.wavelength_column
    named_flux = [
        i
        for i, name in enumerate(table.names)
        if i != wave
        and _FLUX.search(name)
        and not (_ERROR.search(name) or _VARIANCE.search(name) or _OTHER.search(name))
    ]
    flux = corrections.flux_column
    if flux is None:
        flux = named_flux[0] if named_flux else next(i for i in range(columns) if i != wave and i >= min(wave, 1))
    if max(wave, flux) >= columns or wave == flux:
        raise SpectrumError("bad_correction", f"the table has the columns 0 to {columns - 1}")
    receipt.guess("columns", {"wavelength": wave, "flux": flux}, "names" if table.names else "order", 0.9)
    return wave, flux


def _is_row_number(values: Array) -> bool:
    return bool(values[0] in (0.0, 1.0) and np.allclose(np.diff(values[:50]), 1.0))


def _error_column(
    table: _Table, wave: int, flux: int, header: dict[str, str], receipt: Receipt, corrections: Corrections
) -> Array | None:
    rest = [i for i in range(table.values.shape[1]) if i not in (wave, flux)]
    if not rest:
        return None
    column, kind, evidence, confidence = _third_column(table, rest, flux, header)
    if corrections.third_column:
        kind, evidence, confidence = corrections.third_column, "stated by the user", 1.0
    receipt.guess("third_column", {"column": column, "kind": kind}, evidence, confidence)
    values = table.values[:, column]
    if kind == "error":
        return values
    if kind == "variance":
        return np.sqrt(np.where(values >= 0, values, np.nan))
    if kind == "ivar":
        return np.sqrt(1 / np.where(values > 0, values, np.nan))
    return None


def _third_column(table: _Table, rest: list[int], flux: int, header: dict[str, str]) -> tuple[int, str, str, float]:
    for pattern, kind in ((_IVAR, "ivar"), (_VARIANCE, "variance"), (_ERROR, "error")):
        for i in rest:
            if table.names and pattern.search(table.names[i]):
                return i, kind, f"the column is named {table.names[i]}", 0.95
    column = rest[0]
    if table.names and (_OTHER.search(table.names[column]) or _FLUX.search(table.names[column])):
        return column, "ignore", f"the column is named {table.names[column]}", 0.9
    if header.get("INSTRUME", "").upper().startswith("SEDM"):
        return column, "variance", "SEDM files hold a variance there", 0.8
    return column, *_kind_from_noise(table.values[:, flux], table.values[:, column])


def _kind_from_noise(flux: Array, third: Array) -> tuple[str, str, float]:
    """Compare the column with the scatter between neighbouring flux values."""
    usable = np.isfinite(flux) & np.isfinite(third)
    steps = np.diff(flux[usable])
    if steps.size < MIN_SAMPLES or (third[usable] < 0).any():
        return "ignore", "it holds negative values", 0.8
    scatter = 1.48 * float(np.median(np.abs(steps))) / np.sqrt(2)
    level = float(np.median(third[usable]))
    if not (scatter > 0 and level > 0):
        return "ignore", "it holds mostly zeros", 0.7
    as_error, as_variance = abs(np.log10(level / scatter)), abs(np.log10(level / scatter**2))
    evidence = f"its median is {level / scatter:.2g} times the scatter of the flux"
    if min(as_error, as_variance) > 1.5:
        return "ignore", evidence + ", too far for an error", 0.6
    return ("error" if as_error <= as_variance else "variance"), evidence, 0.7
