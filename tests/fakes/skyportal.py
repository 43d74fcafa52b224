"""A SkyPortal for tests that behaves like the real one.

It knows groups, sends 429 as HTML, limits the length of pages, answers 403 for missing records, stores duplicates,
leaves ``modified`` unchanged when a spectrum is shared later, and writes UTC times without a time zone.
"""

from __future__ import annotations

import csv
import io
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from tests.factories import observe
from tests.fakes.server import HTML, AnswerError, FakeService, Request
from tests.fakes.skyportal_listings import (
    MINIMAL,
    Row,
    ids_of,
    made_between,
    page_of,
    public,
    unknown_parameters,
    with_spectrum,
    without_file,
)

TOKEN = "1f0c5a5e-0000-4000-8000-000000000001"
CLASSES = (
    "Ia",
    "Ia-norm",
    "Ib",
    "Ic",
    "Ic-BL",
    "IIb",
    "Ibn",
    "Type II",
    "IIn",
    "Ic-SLSN",
    "Tidal Disruption Event",
    "AGN",
)
PUBLIC, PRIVATE = 1, 2
# Names of sources whose records have an address of their own below the source's.
PLAIN = re.compile(r"[0-9A-Za-z_.+-]+")


def stamp(moment: datetime) -> str:
    """Write a time as SkyPortal does: in UTC, without a time zone."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


class FakeSkyPortal(FakeService):
    """A SkyPortal with one token, TOKEN, which sees the group PUBLIC.

    rate: requests per second that a token may make.
    burst: requests that a token may make at once beyond the rate.
    max_page: largest numPerPage that is respected.
    skew: how far the server's clock is ahead of ours.
    refused: number of requests refused because of the rate.
    """

    def __init__(self, rate: float = 1e6, burst: int = 10, max_page: int = 500, **options: Any) -> None:
        super().__init__(**options)
        self.rate, self.burst, self.max_page = rate, burst, max_page
        self.skew = timedelta()
        self.tokens: dict[str, set[int]] = {TOKEN: {PUBLIC}}
        self.may_write = True
        self.sources: dict[str, dict[str, Any]] = {}
        self.spectra: dict[int, dict[str, Any]] = {}
        self.classifications: dict[int, dict[str, Any]] = {}
        self.annotations: dict[int, dict[str, Any]] = {}
        self.photometry: dict[str, list[dict[str, Any]]] = {}
        self.photometry_error: tuple[int, Any] | None = None
        self.analyses: dict[str, dict[str, Any]] = {}
        self.analysis_tokens: dict[str, datetime] = {}
        # Ids of classifications that the server does not delete.
        self.kept: set[int] = set()
        # The server knows includeOriginalFile; older ones send the files unasked.
        self.files_on_request = True
        # Most whole spectra that the server sends with one request; it refuses to send more. None for any number.
        self.most_whole: int | None = None
        # Longest window of a listing, in days, that the server answers in time, or None for any.
        self.longest_window: float | None = None
        self.answer_after = 1.5
        self.refused = 0
        self._allowance, self._allowed_at = float(burst), time.monotonic()
        self._ids = iter(range(1, 10**9))

    def now(self) -> str:
        return stamp(datetime.now(UTC) + self.skew)

    # Methods for tests.

    def add_source(self, name: str, groups: tuple[int, ...] = (PUBLIC,), **fields: Any) -> None:
        known = {"ra": 120.5, "dec": -12.25, "redshift": None, "redshift_error": None, "redshift_origin": None}
        times = {"created_at": self.now(), "modified": self.now()}
        self.sources[name] = {"id": name, **known, "alias": None, "tns_name": None, **times, **fields}
        self.sources[name]["groups"] = set(groups)

    def add_spectrum(
        self, name: str, groups: tuple[int, ...] = (PUBLIC,), seed: int | None = None, **fields: Any
    ) -> int:
        """Add a simulated spectrum of a source, and the source if it is new; return the spectrum's id."""
        if name not in self.sources:
            self.add_source(name, groups)
        number = next(self._ids)
        observed = observe("SN Ia", seed=number if seed is None else seed)
        flux = (observed.flux / np.median(observed.flux) * 1e-16).astype(np.float32)
        self.spectra[number] = {
            "id": number,
            "obj_id": name,
            "wavelengths": [round(float(w), 3) for w in observed.wavelength],
            "fluxes": [float(f) for f in flux],
            "errors": None,
            "units": "erg/s/cm/cm/AA",
            "type": "source",
            "label": None,
            "observed_at": "2026-08-01T04:05:06",
            "instrument_id": 1,
            "instrument_name": "SEDM",
            "telescope_name": "P60",
            "altdata": None,
            "original_file_filename": None,
            "original_file_string": None,
            "created_at": self.now(),
            "modified": self.now(),
            **fields,
            "groups": set(groups),
        }
        return number

    def add_uploaded(self, name: str, header: str = "", **fields: Any) -> tuple[int, bytes]:
        """Add a spectrum that somebody uploaded as a text file; return its id and the file's bytes."""
        number = self.add_spectrum(name, **fields)
        row = self.spectra[number]
        lines = [f"{w}  {f:.9e}\r\n" for w, f in zip(row["wavelengths"], row["fluxes"], strict=True)]
        row |= {"original_file_filename": f"{name}.ascii", "original_file_string": header + "".join(lines)}
        return number, row["original_file_string"].encode()

    def change_spectrum(self, number: int, **fields: Any) -> None:
        self.spectra[number] |= {**fields, "modified": self.now()}

    def move_spectrum(self, number: int, name: str) -> None:
        """Move a spectrum to another source, as ``PUT /api/spectra/N {obj_id}`` does."""
        if name not in self.sources:
            self.add_source(name)
        self.change_spectrum(number, obj_id=name)

    def share(self, number: int, group: int) -> None:
        """Share a spectrum with a group without changing ``modified``."""
        self.spectra[number]["groups"].add(group)
        self.sources[self.spectra[number]["obj_id"]]["groups"].add(group)

    def classify(self, name: str, classification: str, ml: bool = False, **fields: Any) -> int:
        number = next(self._ids)
        row = {"id": number, "obj_id": name, "classification": classification, "ml": ml, "probability": None}
        times = {"created_at": self.now(), "modified": self.now()}
        self.classifications[number] = {**row, "author_name": "somebody", "origin": None, **times, **fields}
        return number

    def observe(self, name: str, mjd: float, mag: float | None, **fields: Any) -> None:
        """Add a point to a source's light curve; mag is None for a nondetection."""
        row = {
            "id": next(self._ids),
            "obj_id": name,
            "mjd": mjd,
            "filter": "ztfr",
            "mag": mag,
            "magerr": None if mag is None else 0.05,
            "magsys": "ab",
            "limiting_mag": 20.5,
            "instrument_id": 1,
            "instrument_name": "ZTF",
            "origin": None,
            "snr": None,
        }
        self.photometry.setdefault(name, []).append({**row, **fields})

    def analysis_push(self, name: str) -> dict[str, Any]:
        """Return what SkyPortal posts to an analysis service: CSV tables with samples in cells and no ids."""
        token = f"token-{next(self._ids)}"
        self.analysis_tokens[token] = datetime.now(UTC) + timedelta(minutes=5)
        columns = ("observed_at", "wavelengths", "fluxes", "errors", "units", "type", "instrument_name")
        spectra, redshift = io.StringIO(), self.sources[name]["redshift"]
        writer = csv.writer(spectra)
        writer.writerow(columns)
        mine = [row for row in self.spectra.values() if row["obj_id"] == name]
        writer.writerows([str(row[c]).replace("None", "nan") if row[c] else "" for c in columns] for row in mine)
        return {
            "callback_url": f"{self.url}/api/webhook/obj_analysis/{token}",
            "callback_method": "POST",
            "invalid_after": stamp(self.analysis_tokens[token]),
            "resource_id": name,
            "inputs": {
                "spectra": spectra.getvalue(),
                "redshift": f"redshift\n{'' if redshift is None else redshift}\n",
            },
            "analysis_parameters": {},
        }

    # Answers to requests.

    def answer(self, request: Request) -> Any:
        if request.path[1:3] == ["webhook", "obj_analysis"]:
            return self._take_analysis(request)
        if not self._allowed():
            self.refused += 1
            raise AnswerError(429, HTML)
        token = str(request.headers.get("Authorization", "")).removeprefix("token ")
        if token not in self.tokens:
            raise self._error(401, 'Credentials malformed; expected form "Authorization: token abc123"')
        if request.method != "GET" and not self.may_write:
            raise self._error(401, "Unauthorized")
        if unknown := unknown_parameters(request):
            raise self._error(400, f"Invalid parameters: {', '.join(sorted(unknown))}")
        if request.path[1:] == ["internal", "profile"]:
            acls = ["Annotate", "Classify", "Comment"] if self.may_write else []
            data = {"username": "bot", "tokens": [{"id": token, "name": "desk", "acls": acls}]}
            return {"status": "success", "data": data, "version": "1.4.0+git"}
        return {"status": "success", "data": self._route(request, self.tokens[token]), "version": "1.4.0+git"}

    def _take_analysis(self, request: Request) -> Any:
        """Accept the answer of an analysis once for each token; no login is needed."""
        token = request.path[3]
        if token not in self.analysis_tokens or token in self.analyses:
            raise self._error(403, "Invalid token")
        if datetime.now(UTC) > self.analysis_tokens[token]:
            raise self._error(400, "Token has expired")
        self.analyses[token] = request.json()
        return {"status": "success", "data": {"status": "success"}}

    def _allowed(self) -> bool:
        now = time.monotonic()
        self._allowance = min(self._allowance + (now - self._allowed_at) * self.rate, self.burst)
        self._allowed_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _error(self, status: int, message: str) -> AnswerError:
        return AnswerError(status, {"status": "error", "message": message, "data": {}, "version": "1.4.0+git"})

    def _route(self, request: Request, groups: set[int]) -> Any:
        if request.path[1] == "spectra":
            return self._route_spectra(request, groups)
        match [request.method, *request.path[1:]]:
            case ["GET", "sources"]:
                return self._list_sources(request.query, groups)
            case ["GET", "sources", name, *rest]:
                return self._route_source(self._source(name, groups), rest, request.query, groups)
            case ["GET", "classification"]:
                rows = [r for r in self.classifications.values() if self._may_read(r, groups)]
                return self._page(made_between(rows, request.query), "classifications", request.query)
            case ["POST", "classification"]:
                return {"classification_id": self._post_classification(request.json(), groups)}
            case ["DELETE", "classification", number]:
                if int(number) in self.kept or self.classifications.pop(int(number), None) is None:
                    raise self._error(400, f"Cannot find a classification with ID: {number}.")
                return {}
            case ["GET", "groups"]:
                mine = [{"id": group, "name": f"group {group}"} for group in sorted(groups)]
                return {"user_groups": mine, "user_accessible_groups": mine, "all_groups": None}
            case ["GET", "taxonomy" | "instrument" as kind]:
                taxonomies = [self._taxonomy("0.1.0", False), self._taxonomy("0.1.7", True)]
                return taxonomies if kind == "taxonomy" else [{"id": 7, "name": "SEDM"}, {"id": 9, "name": "DBSP"}]
        raise self._error(400, "Invalid API endpoint")

    def _may_read(self, post: dict[str, Any], groups: set[int]) -> bool:
        """A classification without groups is everybody's. Its poster gets no more than its groups do."""
        shared = post.get("group_ids")
        return not shared or bool(set(shared) & groups)

    def _route_source(self, source: Row, rest: list[str], query: dict[str, str], groups: set[int]) -> Any:
        classified = [row for row in self.classifications.values() if row["obj_id"] == source["id"]]
        readable = [row for row in classified if self._may_read(row, groups)]
        match rest:
            case []:
                points = {"photometry": self.photometry.get(source["id"], [])} if "includePhotometry" in query else {}
                return {**public(source), "classifications": readable, **points}
            case _ if not PLAIN.fullmatch(source["id"]):
                raise self._error(400, "Invalid API endpoint")
            case ["classifications"]:
                return readable
            case ["spectra"]:
                mine = [row for row in self.spectra.values() if row["obj_id"] == source["id"]]
                return {"obj_id": source["id"], "spectra": [self._shown(r, {}) for r in mine if r["groups"] & groups]}
            case ["photometry"]:
                if self.photometry_error:
                    raise AnswerError(*self.photometry_error)
                return self.photometry.get(source["id"], [])
        raise self._error(400, "Invalid API endpoint")

    def _route_spectra(self, request: Request, groups: set[int]) -> Any:
        match [request.method, *request.path[2:]]:
            case ["GET"]:
                return self._list_spectra(request.query, groups)
            case ["GET", number]:
                return self._shown(self._spectrum(number, groups), request.query)
            case [method, number, "annotations", *rest]:
                spectrum = self._spectrum(number, groups)["id"]
                mine = [row for row in self.annotations.values() if row["spectrum_id"] == spectrum]
                if method == "GET":
                    return [row for row in mine if self._may_read(row, groups)]
                return self._annotation(spectrum, mine, rest, request)
        raise self._error(400, "Invalid API endpoint")

    def _spectrum(self, number: str, groups: set[int]) -> dict[str, Any]:
        found = self.spectra.get(int(number))
        if found is None or not found["groups"] & groups:
            raise self._error(403, f"Could not access spectrum {number}")
        return found

    def _source(self, name: str, groups: set[int]) -> dict[str, Any]:
        found = self.sources.get(name)
        if found is None or not found["groups"] & groups:
            raise self._error(404, "Source not found")
        return found

    def _shown(self, row: Row, query: dict[str, str]) -> Row:
        shown = public(row)
        return without_file(shown) if self.files_on_request and not query.get("includeOriginalFile") else shown

    def _list_spectra(self, query: dict[str, str], groups: set[int]) -> list[Row]:
        wanted = groups & ids_of(query["groupIDs"]) if "groupIDs" in query else groups
        rows = [row for row in self.spectra.values() if row["groups"] & wanted]
        if "instrumentIDs" in query:
            rows = [row for row in rows if row["instrument_id"] in ids_of(query["instrumentIDs"])]
        after, before = query.get("modifiedAfter", ""), query.get("modifiedBefore", "9")
        if self.longest_window is not None and after:
            end = datetime.now(UTC) if before == "9" else datetime.fromisoformat(before).replace(tzinfo=UTC)
            if (end - datetime.fromisoformat(after).replace(tzinfo=UTC)).total_seconds() > 86400 * self.longest_window:
                time.sleep(self.answer_after)
        rows = [r for r in rows if after <= r["modified"] <= before]
        if query.get("minimalPayload"):
            return [{key: row.get(key) for key in MINIMAL} for row in rows]
        if self.most_whole is not None and len(rows) > self.most_whole:
            raise self._error(400, "Too many spectra")
        return [self._shown(row, query) for row in rows]

    def _list_sources(self, query: dict[str, str], groups: set[int]) -> dict[str, Any]:
        wanted = ids_of(query["group_ids"]) if "group_ids" in query else groups
        if wanted - groups:
            raise self._error(400, "Cannot retrieve sources: Selected group(s) not all accessible to user.")
        rows = [row for row in self.sources.values() if row["groups"] & wanted]
        rows = [row for row in rows if row["modified"] >= query.get("createdOrModifiedAfter", "")]
        rows = with_spectrum(rows, [r for r in self.spectra.values() if r["groups"] & groups], query)
        if query.get("unclassified") == "true":
            by_people = {row["obj_id"] for row in self.classifications.values() if not row["ml"]}
            rows = [row for row in rows if row["id"] not in by_people]
        page = self._page([public(row) for row in rows], "sources", query)
        for shown in page["sources"]:
            if query.get("removeNested"):
                del shown["groups"]
            else:
                mine = [row for row in self.classifications.values() if row["obj_id"] == shown["id"]]
                shown["classifications"] = [row for row in mine if self._may_read(row, groups)]
        return page

    def _page(self, rows: list[Row], key: str, query: dict[str, str]) -> dict[str, Any]:
        return page_of(rows, key, query, self.max_page)

    def _taxonomy(self, version: str, latest: bool) -> dict[str, Any]:
        leaves = [{"class": name} for name in CLASSES]
        hierarchy = {"class": "Time-domain Source", "subclasses": [{"class": "Supernova", "subclasses": leaves}]}
        name = "Sitewide Taxonomy"
        return {"id": 7 if latest else 3, "name": name, "version": version, "isLatest": latest, "hierarchy": hierarchy}

    def _post_classification(self, sent: dict[str, Any], groups: set[int]) -> int:
        self._source(str(sent.get("obj_id")), groups)
        if sent.get("taxonomy_id") != 7 or sent.get("classification") not in CLASSES:
            raise self._error(400, "That classification is not in the allowed classes for the chosen taxonomy")
        return self.classify(str(sent.pop("obj_id")), sent.pop("classification"), bool(sent.pop("ml", False)), **sent)

    def _annotation(self, spectrum: int, mine: list[Row], rest: list[str], request: Request) -> Any:
        author = request.headers["Authorization"]
        if request.method == "POST":
            sent = request.json()
            if any(row["origin"] == sent["origin"] for row in mine):
                raise self._error(400, "Annotation with that origin already exists")
            number = next(self._ids)
            self.annotations[number] = {"id": number, "spectrum_id": spectrum, "author": author, **sent}
            return {"annotation_id": number}
        number = int(rest[0])
        if self.annotations[number]["author"] != author:
            raise self._error(403, "Could not find any accessible annotations.")
        if request.method == "DELETE":
            del self.annotations[number]
        else:
            self.annotations[number] |= request.json()
        return {}
