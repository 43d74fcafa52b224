"""Rules by which the fake SkyPortal lists, pages and shows its records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.fakes.server import Request

Row = dict[str, Any]

# Fields of a spectrum that a listing with minimalPayload has.
MINIMAL = (
    "id",
    "owner_id",
    "obj_id",
    "observed_at",
    "origin",
    "type",
    "label",
    "instrument_id",
    "followup_request_id",
    "assignment_id",
    "altdata",
    "original_file_filename",
    "modified",
    "created_at",
)
_PAGES = {"pageNumber", "numPerPage"}
_SPECTRA = {"minimalPayload", "includeOriginalFile", "modifiedAfter", "modifiedBefore", "groupIDs", "instrumentIDs"}
_SOURCES = {
    *_PAGES,
    "group_ids",
    "hasSpectrum",
    "hasSpectrumAfter",
    "hasSpectrumBefore",
    "createdOrModifiedAfter",
    "unclassified",
    "removeNested",
}


def unknown_parameters(request: Request) -> set[str]:
    """Return the parameters of a request that SkyPortal's documentation does not have."""
    match request.path[1:]:
        case ["spectra"]:
            documented = _SPECTRA
        case ["spectra", _]:
            documented = {"includeOriginalFile"}
        case ["sources"]:
            documented = _SOURCES
        case ["sources", _]:
            documented = {"includePhotometry"}
        case ["classification"]:
            documented = {*_PAGES, "startDate", "endDate"}
        case ["sources", _, "photometry"]:
            documented = {"format", "magsys"}
        case _:
            documented = set()
    return set(request.query) - documented


def ids_of(text: str) -> set[int]:
    """Return the numbers of a list with commas."""
    return {int(part) for part in text.split(",")}


def made_between(rows: Iterable[Row], query: dict[str, str]) -> list[Row]:
    """Return the rows that were made between startDate and endDate, both included."""
    return [row for row in rows if query.get("startDate", "") <= row["created_at"] <= query.get("endDate", "9")]


def with_spectrum(sources: Iterable[Row], spectra: Iterable[Row], query: dict[str, str]) -> list[Row]:
    """Return the sources that have a spectrum, one observed after a time, and one observed before another."""
    after, before = query.get("hasSpectrumAfter", ""), query.get("hasSpectrumBefore", "9")
    if not {"hasSpectrum", "hasSpectrumAfter", "hasSpectrumBefore"} & set(query):
        return list(sources)
    times: dict[str, list[str]] = {}
    for row in spectra:
        times.setdefault(row["obj_id"], []).append(row["observed_at"] or "")
    return [row for row in sources if row["id"] in times and _within(times[row["id"]], after, before)]


def _within(times: list[str], after: str, before: str) -> bool:
    return max(times) >= after and min(times) <= before


def page_of(rows: list[Row], key: str, query: dict[str, str], max_page: int) -> dict[str, Any]:
    """Return one page of a listing."""
    size = min(int(query.get("numPerPage", 100)), max_page)
    number = int(query.get("pageNumber", 1))
    part = rows[size * (number - 1) : size * number]
    return {key: part, "totalMatches": len(rows), "pageNumber": number, "numPerPage": size}


def public(row: Row) -> Row:
    """Return a row as JSON, with its groups as SkyPortal writes them."""
    return {**row, "groups": [{"id": group, "name": f"group {group}"} for group in sorted(row["groups"])]}


def without_file(row: Row) -> Row:
    """Return a spectrum without its original file, of which only the name is left."""
    return {key: value for key, value in row.items() if key != "original_file_string"}
