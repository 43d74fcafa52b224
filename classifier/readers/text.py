"""Text tables with any separator, header style, exponent or line ending."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers import checks, metadata, units
from classifier.readers.cleanup import clean_spectrum
from classifier.readers.columns import Table, column_words, error_column, main_columns
from classifier.readers.dialects import FORTRAN, FRAME, find_dialect, labelled_rows, normalise_rows, strip_frame
from classifier.readers.limits import (
    MAX_COLUMNS,
    MAX_HEADER_LINES,
    MAX_LINE,
    MAX_ROWS,
    MAX_TEXT_BYTES,
    MAX_UNEVEN_CELLS,
)
from classifier.readers.receipt import Corrections, Part, Receipt
from classifier.readers.several import read_each
from classifier.readers.text_blocks import cut, restarts
from classifier.readers.text_header import read_header
from classifier.spectrum import MIN_SAMPLES, Array, FluxKind, Medium

_COMMENT = ("#", "%", "!", "//", "\\", ";")
_ODD_BYTES = bytes([*range(9), *range(14, 32)])
_NUMBER_START = "+-.0123456789"
_ROW_START = re.compile(r"[\"']?[+-]?[.,]?\d|nan|inf|ind|--", re.I)
_BARE_EXPONENT = re.compile(r"(?<=\d)([+-]\d{2,3})$")
_WORDS_FOR_MISSING = {"", "nan", "null", "none", "--", "---", "indef", "n/a", "na", "nodata", "inf", "-inf", "..."}
_ROWS_AT_ONCE = 20_000
# Numbers before the table: at most so many rows, so many of the longest steps away from the next wavelength, and with
# so many times the largest flux.
_MAX_HEADING, _FAR_STEPS, _FAR_FLUX = 3, 5.0, 100.0
_WAVELENGTH_KEY = re.compile(r"(WAVE\w*|WL|LAMBDA)([ _-]?UNITS?)?|CUNIT1|TUNIT1|WAT1_001|XUNITS?", re.I)
_UNIT_KEY = re.compile(r"(WAVE\w*|WL|LAMBDA|X)[ _-]?UNITS?", re.I)
_FLUX_KEY = re.compile(r"FLUX([ _-]?UNITS?)?|BUNIT|YUNITS?|SPEC\. UNITS", re.I)
_MEDIUM_KEYS = ("WL MEDIUM", "MEDIUM", "AIRORVAC", "WAVELENGTH MEDIUM", "CTYPE1")
_BRACKETED_UNIT = re.compile(r"(?:wave\w*|lambda|wl)\W{0,3}[\[(]([^)\]]{1,30})[)\]]", re.I)


def read_text(content: bytes, receipt: Receipt, corrections: Corrections) -> list[Part]:
    """Read a table of at least two columns. Raises SpectrumError ("binary", "no_table", "too_many_rows" …)."""
    receipt.format = "text"
    return _read_lines(_lines(content), receipt, corrections)


def _read_lines(lines: Sequence[str], receipt: Receipt, corrections: Corrections) -> list[Part]:
    untouched = receipt.for_part("")
    table = _parse(lines, receipt)
    header = read_header(table.comments)
    wave, flux = main_columns(table, receipt, corrections)
    if receipt.rows_read == len(table.values) and (starts := restarts(table.values[:, wave])):
        return read_each(
            cut(lines, starts, _is_row),
            lambda _, number: f"block {number}",
            lambda block, own: _read_lines(block, own, corrections)[0],
            untouched,
            "the text",
        )
    unit, kind, medium = _stated_units(table, header, receipt, wave, flux)
    if corrections.wavelength_unit is None and unit is None:
        _refuse_other_axis(header)
    wavelength = units.to_angstrom(table.values[:, wave], unit, receipt, corrections)
    error = error_column(table, wave, flux, header, receipt, corrections)
    values, error = units.undo_log(table.names[flux] if table.names else "", table.values[:, flux], error, receipt)
    values, error, kind = units.to_flam(wavelength, values, error, kind, receipt, corrections)
    name_of_wave = table.names[wave] if table.names else ""
    if "rest" in name_of_wave.lower() or checks.mentions_rest_frame("\n".join(table.comments)):
        checks.warn_rest_frame(receipt, "the header mentions the rest frame")
    elif evidence := checks.rest_frame_evidence(header):
        checks.warn_rest_frame(receipt, evidence)
    checks.warn_model_in_header(receipt, "\n".join(table.comments))
    known = metadata.collect(header, receipt)
    return [
        (
            clean_spectrum(wavelength, values, error, receipt, corrections, flux_kind=kind, medium=medium, **known),
            receipt,
        )
    ]


def _lines(content: bytes) -> list[str]:
    if len(content) > MAX_TEXT_BYTES:
        raise SpectrumError("too_large", f"the text file is larger than {MAX_TEXT_BYTES >> 20} MiB: send a smaller one")
    # Lines are counted before the text is split, because a split line costs far more memory than its bytes.
    breaks = max(content.count(b"\n"), content.count(b"\r"))
    if breaks > MAX_ROWS:
        raise SpectrumError("too_many_rows", f"the file has {breaks:,} lines: at most {MAX_ROWS:,} can be read")
    text = _decode(content)
    if re.match(r"\s*<(!doctype|html|\?xml|votable)", text[:200], re.I):
        raise SpectrumError(
            "markup", "this is a web page or an XML document: download the spectrum itself and send that"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _decode(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    sample = content[:65536]
    if (half := _half_of_utf16(sample)) is not None:
        return content.decode(half, errors="replace")
    content = content.rstrip(b"\x00\x1a")
    sample = sample.rstrip(b"\x00")
    if len(sample) - len(sample.translate(None, _ODD_BYTES)) > 0.02 * len(sample):
        raise SpectrumError("binary", "this is neither text nor FITS: send the spectrum as a text table or a FITS file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _half_of_utf16(sample: bytes) -> str | None:
    """Return the codec of UTF-16 text without a byte order mark, in which nearly every other byte is zero, or None."""
    for start, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = sample[start::2], sample[1 - start :: 2]
        if zeros.count(0) > 0.9 * len(zeros) and others.count(0) < 0.1 * len(others):
            return name
    return None


def _split_lines(lines: Sequence[str]) -> tuple[list[str], list[str], int]:
    """Return the comments, the rows that begin with a number, and how many lines between the rows are neither."""
    comments: list[str] = []
    rows: list[str] = []
    skipped = 0
    for line in lines:
        stripped = line.strip()
        if stripped and stripped[0] in FRAME:
            stripped = strip_frame(stripped)
        if not stripped:
            continue
        if stripped[0] in _NUMBER_START or _ROW_START.match(stripped):
            rows.append(stripped)
        elif stripped.startswith(_COMMENT) or not rows:
            if len(comments) < MAX_HEADER_LINES:
                comments.append(stripped[:1000].lstrip("#%!/\\; "))
        else:
            skipped += 1
    return comments, rows, skipped


def _is_row(line: str) -> bool:
    return bool(_split_lines([line])[1])


def _parse(lines: Sequence[str], receipt: Receipt) -> Table:
    comments, rows, skipped = _split_lines(lines)
    if len(rows) < MIN_SAMPLES and len(labelled := labelled_rows(lines)) >= MIN_SAMPLES:
        receipt.guess("table", "labelled", "every row begins with a word", 0.8)
        rows, skipped = labelled, 0
        comments = [comment for comment in comments if not labelled_rows([comment])]
    receipt.rows_read = len(rows)
    if len(rows) < MIN_SAMPLES:
        raise SpectrumError(
            "no_table",
            f"only {len(rows)} rows of numbers were found: a spectrum needs {MIN_SAMPLES} rows of wavelength and flux",
        )
    if len(max(rows, key=len)) > MAX_LINE:
        raise SpectrumError("line_too_long", f"a row has more than {MAX_LINE:,} characters: write one sample a line")
    receipt.drop("line without numbers", skipped)
    separator, decimal_comma = find_dialect(rows)
    values = _numbers(normalise_rows(rows, separator, decimal_comma), separator, receipt)
    if values.ndim != 2 or values.shape[1] < 2:
        raise SpectrumError(
            "one_column",
            "the table has only one column of numbers: a spectrum needs a wavelength column and a flux column",
        )
    words = column_words(comments, values.shape[1], separator)
    return Table(comments, *words, _without_heading(values, receipt))


def _without_heading(values: Array, receipt: Receipt) -> Array:
    """Return the table without numbers that stand before it, such as a count of rows, a date or an exposure time."""
    for _ in range(_MAX_HEADING):
        first, rest = values[0], values[1:]
        if len(rest) < MIN_SAMPLES:
            break
        steps = np.abs(np.diff(rest[:200, 0]))
        far = abs(rest[0, 0] - first[0]) > _FAR_STEPS * float(np.nanmax(steps, initial=0.0))
        level = float(np.nanmax(np.abs(rest[:, 1]), initial=0.0))
        if not (first[0] == len(rest) or (far and abs(first[1]) > _FAR_FLUX * level)):
            break
        receipt.drop("numbers before the table", 1)
        values = rest
    return values


def _numbers(rows: list[str], separator: str | None, receipt: Receipt) -> Array:
    """Return the table as (rows, columns), with at most MAX_COLUMNS columns."""
    columns = len(rows[len(rows) // 2].split(separator))
    wanted = range(MAX_COLUMNS) if columns > MAX_COLUMNS else None
    try:
        values: Array = np.loadtxt(rows, delimiter=separator, comments=None, ndmin=2, dtype=np.float64, usecols=wanted)
    except ValueError:
        return _row_by_row(rows, separator, receipt)
    return values


def _row_by_row(rows: list[str], separator: str | None, receipt: Receipt) -> Array:
    """Return a table with missing cells, remarks after the numbers or rows of unequal length as (rows, columns)."""

    def cells(row: str) -> list[str]:
        if separator is None:
            return row.replace(",", " ").split(None, MAX_COLUMNS)[:MAX_COLUMNS]
        return row.split(separator, MAX_COLUMNS)[:MAX_COLUMNS]

    lengths = np.array([len(cells(row)) for row in rows[:: max(len(rows) // 2000, 1)]])
    width = int(np.bincount(lengths).argmax())
    if width * len(rows) > MAX_UNEVEN_CELLS:
        raise SpectrumError(
            "too_many_rows",
            f"the table is too large to read with missing or uneven cells ({len(rows):,} rows, {width} columns)",
        )
    receipt.guess("table", "uneven", "some rows have missing cells, remarks or another length", 0.9)
    tables: list[Array] = []
    # The table is split piece by piece, because all its cells as text would take a hundred times its size.
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        split = [row for row in map(cells, rows[start : start + _ROWS_AT_ONCE]) if len(row) >= width]
        tables.append(np.array([_column([row[i] for row in split]) for i in range(width)]).T.reshape(-1, width))
    values = np.concatenate(tables)
    receipt.drop("row too short", len(rows) - values.shape[0])
    return values


def _column(cells: list[str]) -> Array:
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        pass
    # Converting a column of remarks cell by cell would be slow and give only NaN.
    if all(cell.isalpha() and cell.lower() not in _WORDS_FOR_MISSING for cell in cells[:: max(len(cells) // 50, 1)]):
        return np.full(len(cells), np.nan)
    return np.array([_number(cell) for cell in cells], dtype=np.float64)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        pass
    cell = cell.strip()
    if cell.isalpha() or cell.lower() in _WORDS_FOR_MISSING:
        return float("nan")
    try:
        # Fortran drops the letter if the exponent has three digits: 1.0-105.
        return float(_BARE_EXPONENT.sub(r"e\1", FORTRAN.sub("e", cell)))
    except ValueError:
        return float("nan")


def _refuse_other_axis(header: Mapping[str, str]) -> None:
    """Raise SpectrumError ("no_wavelengths") if a line such as "wavelength unit: Hz" names a unit of something else."""
    for key, value in header.items():
        if _UNIT_KEY.fullmatch(key) and (other := units.parse_other_axis(value)):
            raise SpectrumError(
                "no_wavelengths", f"the header gives the unit “{value[:60]}”: {other}, not a wavelength"
            )


def _stated_units(
    table: Table, header: Mapping[str, str], receipt: Receipt, wave: int, flux: int
) -> tuple[str | None, FluxKind | None, Medium | None]:
    """Return the stated wavelength unit, kind of flux and medium, each None if nothing states it.

    The name of the column goes first, then the header, then the table beside the file.
    """
    both = {**receipt.beside, **header}
    wave_words = [
        table.name(wave),
        *(value for key, value in both.items() if _WAVELENGTH_KEY.fullmatch(key)),
        *(match[1] for line in table.comments[-20:] if (match := _BRACKETED_UNIT.search(line))),
        receipt.beside.get("WL UNITS", ""),
    ]
    flux_words = [table.name(flux), *(value for key, value in both.items() if _FLUX_KEY.fullmatch(key))]
    medium_words = [*wave_words, *(both.get(key, "") for key in _MEDIUM_KEYS)]
    return (
        next((unit for words in wave_words if (unit := units.parse_wavelength_unit(words))), None),
        next((kind for words in flux_words if (kind := units.parse_flux_kind(words))), None),
        units.parse_medium(" ".join(medium_words)),
    )
