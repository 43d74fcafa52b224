"""A client of the Transient Name Server (TNS): reports, its tables, and what it knows of an object."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

import httpx
from django.conf import settings

from triage.errors import InvalidActionError
from triage.models import TnsTarget
from triage.services.http import AnswerTooLargeError, fetch, open_client

TIMEOUT_SECONDS = 60
# Feedback codes of a report that the TNS has taken.
INSERTED, EXISTS, RENAMED = 100, 101, 121
ACCEPTED_CODES = {INSERTED, EXISTS, RENAMED}
# Names that versions of the TNS have for its tables; the newest comes first.
TABLES = {
    "object_types": ("objtypes", "object_types"),
    "instruments": ("instruments",),
    "groups": ("groups",),
}


class TnsError(Exception):
    """Base of the errors below. The detail is for people."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotSentError(TnsError):
    """Nothing has reached the TNS, so another attempt is safe."""


class MaybeSentError(TnsError):
    """No usable answer came, so the report may or may not have arrived."""


class RejectedError(TnsError):
    """The TNS has read the request and refused it."""

    def __init__(self, detail: str, reply: dict[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.reply = reply or {}


class PendingError(TnsError):
    """The TNS has not processed the report yet."""


def has_credentials() -> bool:
    """Return whether this desk has the credentials of a TNS bot."""
    return all((settings.TNS_API_KEY, settings.TNS_BOT_ID, settings.TNS_BOT_NAME))


class TnsClient:
    """A connection to the sandbox or the live TNS. Use it as a context manager.

    target: "sandbox" or "live".

    Raises InvalidActionError if the desk has no credentials.
    """

    def __init__(self, target: str) -> None:
        if not has_credentials():
            raise InvalidActionError(
                "this desk has no credentials for the TNS; set TNS_API_KEY, TNS_BOT_ID and TNS_BOT_NAME"
            )
        marker = {"tns_id": settings.TNS_BOT_ID, "type": "bot", "name": settings.TNS_BOT_NAME}
        url = settings.TNS_LIVE_URL if target == TnsTarget.LIVE else settings.TNS_SANDBOX_URL
        self._http = open_client(url, {"User-Agent": f"tns_marker{json.dumps(marker)}"}, TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def tables(self) -> dict[str, dict[int, str]]:
        """Fetch the TNS's tables: names by number of "object_types", and of "instruments" and "groups" if it has them.

        Raises NotSentError if the server gives no answer, and RejectedError if the answer has no object types.
        """
        try:
            status, answer = self._post("/api/get/values/")
        except MaybeSentError as error:
            # Asking changes nothing at the TNS.
            raise NotSentError(error.detail) from error
        if status != 200:
            raise RejectedError(_message(answer), answer)
        sent = _inner(answer)
        tables = {ours: _table(sent, names) for ours, names in TABLES.items()}
        if not tables["object_types"]:
            raise RejectedError(f"the TNS sent no table of object types ({' or '.join(TABLES['object_types'])})")
        return {name: table for name, table in tables.items() if table}

    def upload(self, name: str, content: str) -> str:
        """Upload a text file and return the name that the server gave it.

        Raises NotSentError or RejectedError.
        """
        files = {"files[0]": (name, content.encode(), "text/plain")}
        try:
            status, answer = self._post("/api/set/file-upload", files=files)
        except MaybeSentError as error:
            # A file that no report names has no effect, so sending it twice does no harm.
            raise NotSentError(error.detail) from error
        names = answer.get("data")
        if isinstance(names, dict):
            names = list(names.values())
        if status == 200 and isinstance(names, list) and names and isinstance(names[0], str):
            return names[0]
        raise RejectedError(f"the TNS refused the spectrum's file: {_message(answer)}", answer)

    def send(self, payload: dict[str, Any]) -> str:
        """Send a report and return its id. Raises NotSentError, MaybeSentError or RejectedError."""
        status, answer = self._post("/api/set/bulk-report", data={"data": json.dumps(payload)})
        report_id = _inner(answer).get("report_id")
        if status == 200 and report_id is not None:
            return str(report_id)
        if status == 200:
            raise MaybeSentError("the TNS took the report, but gave it no id")
        raise RejectedError(_message(answer), answer)

    def reply(self, report_id: str) -> dict[str, Any]:
        """Fetch the reply to a report. Raises PendingError, RejectedError or another TnsError."""
        status, answer = self._post("/api/get/bulk-report-reply", data={"report_id": report_id})
        if status == 404:
            raise PendingError("the TNS has not processed the report yet")
        if status != 200:
            raise RejectedError(_message(answer), answer)
        return answer

    def search(self, query: dict[str, str]) -> str:
        """Return the name of the first object that a query finds, without prefix, or "".

        Raises a TnsError if the server gives no answer.
        """
        found = self._asked("/api/get/search", query)
        rows = found if isinstance(found, list) else []
        return next((str(row["objname"]) for row in rows if isinstance(row, dict) and row.get("objname")), "")

    def object(self, name: str) -> dict[str, Any]:
        """Return an object with its public spectra, or an empty dictionary if the TNS does not know it.

        name: designation without prefix.

        Raises a TnsError if the server gives no answer.
        """
        found = self._asked("/api/get/object", {"objname": name, "spectra": "1"})
        return found if isinstance(found, dict) and found.get("objname") else {}

    def download(self, address: str) -> bytes:
        """Return a public file of the TNS. Raises RejectedError for an address elsewhere, or another TnsError."""
        try:
            address_of_file = httpx.URL(address)
        except (ValueError, httpx.InvalidURL) as error:
            raise RejectedError(f"{address} is no address of a file") from error
        if address_of_file.host != self._http.base_url.host:
            raise RejectedError(f"{address} is no file of the TNS")
        try:
            response, body = fetch(self._http, "POST", address_of_file.path, data={"api_key": settings.TNS_API_KEY})
        except (httpx.HTTPError, AnswerTooLargeError) as error:
            raise NotSentError(f"no answer ({type(error).__name__}: {error})") from error
        if response.status_code in (400, 404, 410):
            raise RejectedError(f"the TNS has no file {address}")
        if response.status_code != 200:
            raise NotSentError(f"status {response.status_code} for {address}")
        return body

    def _asked(self, path: str, query: dict[str, str]) -> Any:
        """Return the answer to a question, or None if the TNS knows nothing of the kind."""
        status, answer = self._post(path, data={"data": json.dumps(query)})
        if status == 404:
            return None
        if status in (401, 403):
            # Every other question would be refused as well.
            raise NotSentError(_message(answer))
        if status != 200:
            raise RejectedError(_message(answer), answer)
        data = answer.get("data")
        return data["reply"] if isinstance(data, dict) and "reply" in data else data

    def _post(self, path: str, data: dict[str, str] | None = None, files: Any = None) -> tuple[int, dict[str, Any]]:
        """Make a request; return the status and the JSON of the answer.

        Raises NotSentError or MaybeSentError if the TNS itself gave no answer.
        """
        form = {"api_key": settings.TNS_API_KEY, **(data or {})}
        try:
            response, body = fetch(self._http, "POST", path, data=form, files=files)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NotSentError(f"no connection ({error})") from error
        except (httpx.HTTPError, AnswerTooLargeError) as error:
            raise MaybeSentError(f"no answer ({type(error).__name__}: {error})") from error
        if response.status_code == 429:
            raise NotSentError("the TNS got too many requests")
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or response.status_code >= 500 or response.is_redirect:
            raise MaybeSentError(f"status {response.status_code} without a readable answer")
        return response.status_code, answer


def feedback_codes(reply: Any) -> list[int]:
    """Return the feedback codes of a reply, at whatever depth they stand."""
    if isinstance(reply, list):
        return [code for entry in reply for code in feedback_codes(entry)]
    if not isinstance(reply, dict):
        return []
    mine = [int(key) for key, value in reply.items() if str(key).isdigit() and len(str(key)) == 3 and value]
    return mine + [code for value in reply.values() for code in feedback_codes(value)]


def _inner(answer: dict[str, Any]) -> dict[str, Any]:
    """Return ``data`` of an answer. Some answers wrap it in ``reply`` once more."""
    found = answer.get("data")
    if isinstance(found, dict) and isinstance(found.get("reply"), dict):
        return dict(found["reply"])
    return found if isinstance(found, dict) else {}


def _table(sent: dict[str, Any], names: tuple[str, ...]) -> dict[int, str]:
    """Return names by number from an answer, which has them as an object or as a list of {id, name}."""
    found: Any = next((sent[name] for name in names if sent.get(name)), {})
    if isinstance(found, list):
        found = {str(row["id"]): row.get("name") for row in found if isinstance(row, dict) and "id" in row}
    if not isinstance(found, dict):
        return {}
    return {int(key): str(name) for key, name in found.items() if str(key).isdecimal()}


def _message(answer: dict[str, Any]) -> str:
    told = str(answer.get("id_message") or "the TNS gave no reason")
    details = _inner(answer)
    return f"{told} {json.dumps(details)}"[:1000] if details else told
