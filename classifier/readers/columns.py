"""Find the wavelength, flux and error columns of a table, by their names first and by their numbers second."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers import units
from classifier.readers.column_names import best_error, flux_rank, is_flux, is_other, is_wavelength
from classifier.readers.receipt import Corrections, Receipt
from classifier.spectrum import MIN_SAMPLES, Array

# A name that says nothing of what the column holds.
_NAMELESS = re.compile(r"\W*|(col(umn)?|c|f|field|unnamed|unknown|data|third|extra)?[ _:]*\d*", re.I)
# A line of the header that gives one value, such as "OBSERVER: Lam".
_KEY_AND_VALUE = re.compile(r"[A-Za-z][\w .-]*?\s*[:=]\s*\S")

# A column counts as an error if its level is within this factor (in log10) of the scatter of the flux.
_NEAR = 1.5
# A column that is called an error is a variance if its level is further than this (in log10) below the scatter, but
# near the square of the scatter.
_MISNAMED = 4.0


@dataclasses.dataclass
class Table:
    """A table of numbers with the words around it.

    comments: lines before and between the rows.
    names: one name a column, or empty.
    unit_row: one unit a column, or empty.
    values: (rows, columns), NaN where a cell is missing.
    """

    comments: list[str]
    names: list[str]
    unit_row: list[str]
    values: Array

    def name(self, column: int) -> str:
        """Return the name and unit of a column, "" if the table gives neither."""
        return " ".join(words[column] for words in (self.names, self.unit_row) if words)


def column_words(comments: Sequence[str], columns: int, separator: str | None) -> tuple[list[str], list[str]]:
    """Return the names and the units of the columns, each from the header line that holds them; [] if there is none.

    Only a line with exactly one word a column counts, because a sentence about "wavelength and flux" names no column.
    """
    names: list[str] = []
    unit_row: list[str] = []
    for line in reversed(comments[-8:]):
        words = _words(line, separator)
        if len(words) != columns or _KEY_AND_VALUE.match(line):
            continue
        if _are_units(words):
            unit_row = unit_row or words
        elif any(is_wavelength(word) or is_flux(word) for word in words) or (
            line is comments[-1] and _name_another_table(words)
        ):
            names = words
            break
    return names, unit_row or _units_of_ecsv(comments, names)


def _are_units(words: Sequence[str]) -> bool:
    """Tell whether the words are units ("[Angstrom] [erg/s]" or "Angstrom Jy") and not names ("wave_nm")."""
    if all(re.fullmatch(r"[\[(].*[\])]", word) for word in words):
        return True
    named = any(re.search(r"(wav|lam|wl|flux|flam|fnu|err|sig)", word, re.I) for word in words)
    return not named and all(units.parse_wavelength_unit(word) or units.parse_flux_kind(word) for word in words)


def _name_another_table(words: Sequence[str]) -> bool:
    """Tell whether the words name the columns of something else, as "id ra dec" does and "RA: 00:04:25.70" does not."""
    return all(re.fullmatch(r"[A-Za-z_][\w()\[\]/*^.-]*", word) for word in words) and any(
        map(units.parse_other_axis, words)
    )


def _units_of_ecsv(comments: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return one unit a column from the header of an ECSV table, or [] if there is none."""
    if not names or not comments or not comments[0].startswith("ECSV"):
        return []
    entries = (re.match(r"- *\{ *name: *([^,}]+),(?:.*?\bunit: *([^,}]+))?", line) for line in comments)
    unit_of = {match[1].strip(" '\""): (match[2] or "").strip() for match in entries if match}
    return [unit_of.get(name, "") for name in names]


def _words(line: str, separator: str | None) -> list[str]:
    if separator:
        return [word.strip().strip("\"'") for word in line.split(separator)]
    # A unit in brackets belongs to the word before it, and may contain spaces.
    glued = re.sub(r"[(\[][^)\]]*[)\]]", lambda bracket: bracket[0].replace(" ", ""), line[:1000])
    glued = re.sub(r"(?<=[\w)\]])[ \t]+(?=\()|(?<=\w)[ \t]+(?=\[)", "", glued)
    return [word.strip("\"',|") for word in re.split(r"[\s|]+|,\s+", glued) if word.strip("\"',|")]


def main_columns(table: Table, receipt: Receipt, corrections: Corrections) -> tuple[int, int]:
    """Return the numbers of the wavelength column and the flux column, counted from 0.

    Raises SpectrumError ("bad_correction") if the user names a column that is not there, and ("no_wavelengths") if the
    column's name says that it holds something else.
    """
    columns = table.values.shape[1]
    wave = _wavelength_column(table, receipt)
    if corrections.wavelength_column is not None:
        wave = corrections.wavelength_column
    elif corrections.wavelength_unit is None and table.names and (other := units.parse_other_axis(table.name(wave))):
        raise SpectrumError("no_wavelengths", f"the column “{table.name(wave)[:60]}” is {other}, not a wavelength")
    elif corrections.wavelength_unit is None and not table.names and (other := _told_axis(table.comments)):
        raise SpectrumError("no_wavelengths", f"the line above the numbers says that the first column is {other}")
    flux = corrections.flux_column
    if flux is None:
        flux = _flux_column(table, wave)
    if max(wave, flux) >= columns or wave == flux:
        raise SpectrumError(
            "bad_correction",
            f"wavelength and flux need two different columns of this table: choose from 0 to {columns - 1}",
        )
    evidence = f"they are named {table.names[wave]} and {table.names[flux]}" if table.names else "their order"
    receipt.guess("columns", {"wavelength": wave, "flux": flux}, evidence, 0.95 if table.names else 0.85)
    return wave, flux


def _flux_column(table: Table, wave: int) -> int:
    """Return the number of the column whose name is likeliest a flux's, or that follows the wavelengths."""
    others = [i for i in range(table.values.shape[1]) if i != wave]
    ranks = {i: rank for i in others if table.names and (rank := flux_rank(table.names[i])) is not None}
    if ranks:
        return min(ranks, key=lambda i: ranks[i])
    return next((i for i in others if i > wave), others[0] if others else wave)


def _wavelength_column(table: Table, receipt: Receipt) -> int:
    named = [i for i, name in enumerate(table.names) if is_wavelength(name)]
    named = [i for i in named if not units.parse_other_axis(table.name(i))]
    if not named and table.unit_row:
        named = [i for i, unit in enumerate(table.unit_row) if units.is_wavelength_unit(unit)]
    # If a table gives both frames, the observed one is read.
    observed = [i for i in named if not re.search("rest", table.name(i), re.I)]
    if named:
        chosen = (observed or named)[0]
        if chosen == 0 or _is_axis(table.values[:, chosen]) or not _is_axis(table.values[:, 0]):
            return chosen
        # The line was none of names, since the column that it calls wavelength runs up and down.
        receipt.warn(
            "column_names_ignored",
            f"the words “{' '.join(table.names)[:80]}” were not taken as names of the columns: only the first column "
            "runs in one direction, as wavelengths do",
        )
        table.names = []
        return 0
    if table.values.shape[1] > 2 and _is_row_number(table.values[:, 0]):
        receipt.guess("wavelength_column", 1, "the first column counts the rows", 0.8)
        return 1
    if not table.names and not _is_axis(table.values[:, 0]):
        # The first column may hold the number of an echelle order, or the flux.
        axes = [i for i in range(1, min(table.values.shape[1], 4)) if _is_axis(table.values[:, i])]
        if len(axes) == 1:
            receipt.guess("wavelength_column", axes[0], "the only column that runs in one direction", 0.7)
            return axes[0]
    return 0


def _told_axis(comments: Sequence[str]) -> str | None:
    """Return what the line above the numbers says of the first column ("an energy"), if not a wavelength, or None.

    It may have another number of words than the table has columns: "energy keV counts".
    """
    line = comments[-1] if comments else ""
    words = line.split()
    if len(words) != 3 or not re.fullmatch(r"flux|counts?|rate|intensity", words[2], re.I):
        return None
    # Each of the two is a word of that axis: its name and its unit.
    axis, unit = (units.parse_other_axis(word.strip("[]()")) for word in words[:2])
    return axis if axis == unit else None


def _is_axis(values: Array) -> bool:
    """Tell whether nearly all steps go the same way, as wavelengths do even where orders overlap."""
    steps = np.diff(values[np.isfinite(values)])
    rising = float((steps > 0).mean()) if steps.size else 0.0
    falling = float((steps < 0).mean()) if steps.size else 0.0
    return max(rising, falling) > 0.9


def _is_row_number(values: Array) -> bool:
    return bool(values[0] in (0.0, 1.0) and np.allclose(np.diff(values[:50]), 1.0))


def error_column(
    table: Table, wave: int, flux: int, header: Mapping[str, str], receipt: Receipt, corrections: Corrections
) -> Array | None:
    """Return the error column as (rows,) 1σ in the units of the flux column, or None if there is none.

    wave, flux: columns that are taken already; wave is -1 if the wavelengths are not in the table.
    header: header of the file, keys in upper case.
    """
    rest = [i for i in range(table.values.shape[1]) if i not in (wave, flux)]
    if not rest:
        return None
    column, kind, evidence, confidence = _third_column(table, rest, flux, header)
    if corrections.third_column:
        kind, evidence, confidence = corrections.third_column, "stated by the user", 1.0
    receipt.guess("third_column", {"column": column, "kind": kind}, evidence, confidence)
    return units.sigma(table.values[:, column], kind)


def _third_column(table: Table, rest: list[int], flux: int, header: Mapping[str, str]) -> tuple[int, str, str, float]:
    if table.names:
        found = best_error([table.names[i] for i in rest], table.names[flux])
        if found:
            number, kind = rest[found[0]], found[1]
            evidence = f"the column is named {table.names[number]}"
            if kind == "error" and _is_variance(table.values[:, flux], table.values[:, number]):
                return number, "variance", f"{evidence}, but has the level of a variance", 0.8
            return number, kind, evidence, 0.95
    column = next((i for i in rest if i > flux), rest[0])
    name = table.names[column] if table.names else ""
    if is_other(name) or is_flux(name) or is_wavelength(name):
        return column, "ignore", f"the column is named {name}", 0.9
    if units.parse_other_axis(name) or not _NAMELESS.fullmatch(name):
        return column, "ignore", f"the column is named {name}, which is no name of an error", 0.7
    if header.get("INSTRUME", header.get("INSTRUMENT", "")).upper().startswith("SEDM"):
        return column, "variance", "SEDM files hold the variance in that column", 0.8
    return column, *_kind_from_noise(table.values[:, flux], table.values[:, column])


def _kind_from_noise(flux: Array, third: Array) -> tuple[str, str, float]:
    """Return (kind, evidence, confidence) of a nameless column, judged by the scatter between neighbouring fluxes."""
    usable = np.isfinite(flux) & np.isfinite(third)
    flux, third = flux[usable], third[usable]
    if flux.size < MIN_SAMPLES or (third < 0).mean() > 0.01:
        return "ignore", "it holds negative values", 0.8
    if np.isin(third, (0.0, 1.0)).all():
        return "ignore", "it holds only zeros and ones, as a mask does", 0.9
    scatter, level = _scatter(flux), float(np.median(third))
    if not (scatter > 0 and level > 0):
        return "ignore", "it holds mostly zeros", 0.7
    as_error, as_variance = abs(np.log10(level / scatter)), abs(np.log10(level / scatter**2))
    evidence = f"its median is {level / scatter:.2g} times the scatter of the flux"
    if min(as_error, as_variance) > _NEAR:
        return "ignore", evidence + ", too much or too little for an error", 0.6
    if as_error > 0.5 and _follows(flux, third):
        return "ignore", "it follows the flux, as a second reduction or a sky spectrum would", 0.6
    kind = "error" if as_error <= as_variance else "variance"
    # If the flux is near 1, its error and its variance have similar levels.
    return kind, evidence, 0.5 if abs(as_error - as_variance) < 0.3 else 0.7


def _scatter(flux: Array) -> float:
    """Return the 1σ scatter between neighbouring fluxes (n,)."""
    return 1.48 * float(np.median(np.abs(np.diff(flux)))) / float(np.sqrt(2))


def _is_variance(flux: Array, error: Array) -> bool:
    """Tell whether a column that is called an error holds its square, by its level alone."""
    usable = np.isfinite(flux) & (error > 0)
    if usable.sum() < MIN_SAMPLES:
        return False
    scatter, level = _scatter(flux[usable]), float(np.median(error[usable]))
    return bool(scatter > 0 and level < scatter / 10**_MISNAMED and abs(np.log10(level / scatter**2)) < _NEAR)


def _follows(flux: Array, third: Array) -> bool:
    """Tell whether a column has the level and the shape of the flux itself."""
    level = float(np.median(np.abs(flux)))
    if not 0.3 * level < float(np.median(third)) < 3 * level:
        return False
    first, second = (np.clip(values, *np.percentile(values, (2, 98))) for values in (flux, third))
    return bool(np.ptp(first) > 0 and np.ptp(second) > 0 and np.corrcoef(first, second)[0, 1] > 0.9)
