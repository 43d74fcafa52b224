"""A TNS for tests, which takes files and classification reports and answers after a while; a transient to report."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from django.contrib.auth.models import Group, User

from tests.factories import spectrum_file
from tests.fakes.server import HTML, AnswerError, FakeService, Request
from triage.intake.submit import Given, submit_spectrum
from triage.models import Transient
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal
from triage.services.tns.payload import Options

KEY = "a key of the TNS"
OBSERVED_AT = datetime(2026, 8, 1, 4, 5, 6, tzinfo=UTC)
# The values that a report needs from the person who sends it.
FULL = Options(observer="A. Observer", instrument=149)
INSTRUMENTS = {30: "ESO-NTT - EFOSC2-NTT", 149: "P60 - SEDM"}
TYPES = {0: "Other", 1: "SN", 3: "SN Ia", 7: "SN Ic-BL", 29: "AGN", 120: "TDE"}


def _numbered(table: dict[int, str]) -> dict[str, str]:
    return {str(number): name for number, name in table.items()}


class FakeTns(FakeService):
    """A TNS that keeps the reports it is sent.

    objects: what it knows of objects, as ``known_object`` makes it.
    tables: what it answers when it is asked for its tables; TNS 2.0 calls the object types so.
    pending: number of polls that are answered with "not yet" before the reply is ready.
    verdict: code in the feedback on the next reports.
    """

    def __init__(self, pending: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.pending = pending
        self.verdict = 100
        self.objects: list[dict[str, Any]] = []
        self.tables: dict[str, Any] = {"objtypes": _numbered(TYPES), "instruments": _numbered(INSTRUMENTS)}
        self.files: dict[str, bytes] = {}
        self.reports: dict[str, dict[str, Any]] = {}
        self.markers: set[str] = set()
        self.polls: dict[str, int] = {}

    def answer(self, request: Request) -> Any:
        self.markers.add(str(request.headers.get("User-Agent")))
        upload = request.path[-1] == "file-upload"
        form = {} if upload else {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if (KEY.encode() not in request.body) if upload else form.get("api_key") != KEY:
            raise AnswerError(401, {"id_code": 401, "id_message": "Unauthorized"})
        match request.path:
            case ["api", "get", "values"]:
                return self._good(self.tables)
            case ["api", "get", "search"]:
                return self._good(self._found(json.loads(form["data"])))
            case ["api", "get", "object"]:
                wanted = json.loads(form["data"])["objname"]
                return self._good(next((one for one in self.objects if one["objname"] == wanted), {}))
            case ["system", "files", name]:
                return self.files[name]
            case ["api", "set", "file-upload"]:
                return self._good([self._keep_file(request.body)])
            case ["api", "set", "bulk-report"]:
                return self._good({"report_id": self._keep_report(json.loads(form["data"]))})
            case ["api", "get", "bulk-report-reply"]:
                return self._reply(form["report_id"])
        raise AnswerError(404, {"id_code": 404, "id_message": "Not found"})

    def _good(self, data: Any) -> dict[str, Any]:
        return {"id_code": 200, "id_message": "OK", "data": data}

    def _found(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """Return the objects at a place or of an internal name. More digits than the TNS takes make it fail."""
        if "ra" in query:
            if len(query["ra"].partition(".")[2]) > 3 or len(query["dec"].partition(".")[2]) > 2:
                raise AnswerError(500, HTML)
            found = [one for one in self.objects if (one["ra"], one["dec"]) == (query["ra"], query["dec"])]
        else:
            found = [one for one in self.objects if query["internal_name"] in one["internal_names"]]
        return [{"objname": one["objname"], "prefix": one["name_prefix"], "objid": 1} for one in found]

    def _keep_file(self, body: bytes) -> str:
        head, _, content = body[body.index(b'name="files[0]"') :].partition(b"\r\n\r\n")
        sent = head.split(b'filename="')[1].split(b'"')[0].decode()
        name = sent if sent not in self.files else f"{len(self.files)}_{sent}"
        self.files[name] = content.rpartition(b"\r\n--")[0]
        return name

    def _keep_report(self, report: dict[str, Any]) -> int:
        number = 1000 + len(self.reports)
        self.reports[str(number)] = report
        return number

    def _reply(self, number: str) -> dict[str, Any]:
        self.polls[number] = self.polls.get(number, 0) + 1
        if self.polls[number] <= self.pending:
            raise AnswerError(404, {"id_code": 404, "id_message": "Not found", "data": {}})
        feedback = {"classification_report": [{str(self.verdict): {"message": "as asked", "objname": "2026abc"}}]}
        if self.verdict == 400:
            raise AnswerError(400, {"id_code": 400, "id_message": "Bad request", "data": {"feedback": "objtypeid"}})
        return self._good({"feedback": feedback})


def known_object(address: str = "", **changes: Any) -> dict[str, Any]:
    """Return an object as the TNS describes it, with one public spectrum if an address is given.

    changes: further fields, in place of the usual ones.
    """
    spectrum = {
        "asciifile": address,
        "obsdate": "2026-08-02 03:04:05",
        "instrument": {"id": 30, "name": "ESO-NTT - EFOSC2-NTT"},
        "source_group": {"group_name": "ePESSTO+"},
    }
    usual = {
        "objname": "2026abc",
        "name_prefix": "SN",
        "object_type": {"id": 3, "name": "SN Ia"},
        "redshift": 0.031,
        "ra": "12:30:00.000",
        "dec": "-01:00:00.00",
        "internal_names": "ZTF26aaaaaaa",
        "spectra": [spectrum] if address else [],
    }
    return usual | changes


def reportable(
    user: User, name: str = "SN 2026abc", class_name: str = "TDE", group: Group | None = None, seed: int = 1
) -> Transient:
    """Return a transient that can be reported: it has a spectrum and a classification that one reviewer vetted."""
    given = Given(transient=name, redshift=0.05, observed_at=OBSERVED_AT, instrument="EFOSC2", group=group)
    spectrum = submit_spectrum(user, spectrum_file(seed=seed), f"{seed}.txt", given).spectrum
    transient = Transient.objects.get(name=name)
    record_decision(user, transient, Proposal("override", class_name=class_name, spectrum=spectrum.pk))
    return transient
