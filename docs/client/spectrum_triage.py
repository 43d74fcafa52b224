"""Client of the spectrum triage desk's REST API. It is one file for Python 3.11+; copy it beside your script.

    from spectrum_triage import Desk

    desk = Desk("https://triage.example.org", token="…")
    spectrum = desk.wait(desk.upload("sn2026abc.txt", transient="SN 2026abc"))
    print(spectrum["prediction"]["class_name"])

Rows are the API's own dictionaries; the desk's page /api/docs/ describes their keys. The client waits when the desk
limits its requests (429), and repeats a read that fails. A filter that the desk does not have raises DeskError with the
code "unknown_parameter".
"""

from __future__ import annotations

import dataclasses
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Literal
from urllib.parse import quote, urlencode, urlsplit

Row = dict[str, Any]
Verdict = Literal["confirm", "override", "unsure", "bad_spectrum"]

ATTEMPTS = 5
FILES_AT_ONCE = 100
BLOCK = 1 << 16


class DeskError(Exception):
    """The desk refused a request.

    status: HTTP status.
    code: reason for programs, such as "stale_prediction".
    detail: reason for people.
    body: the whole answer; it holds the receipt if a file could not be read.
    """

    def __init__(self, status: int, code: str, detail: str, body: Row) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail, self.body = status, code, detail, body


class UnreachableError(Exception):
    """The desk did not answer. It may have carried out a write all the same."""


@dataclasses.dataclass(frozen=True)
class Changes:
    """Changes of the vetted classifications.

    rows: a row with ``withdrawn`` takes back the classification with its ``id``; any other row adds one.
    since: cursor to ask with next time.
    """

    rows: list[Row]
    since: str


class Desk:
    """One desk, as one user.

    url: address of the desk, such as https://triage.example.org.
    token: the user's API token.
    timeout: longest wait for an answer, seconds.
    """

    def __init__(self, url: str, token: str, timeout: float = 60.0) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError("the address of a desk must begin with http:// or https://")
        self.root = f"{url.rstrip('/')}/api/v1/"
        self._token, self._timeout = token, timeout

    def upload(self, file: str | Path, *, name: str | None = None, **stated: Any) -> int:
        """Upload a file and return the id of its spectrum. A file that was sent before has the same id again.

        file: path of the file.
        name: name to send instead of the file's own.
        stated: transient, redshift, observed_at (ISO 8601), instrument or group; or a correction of the reader's
            guesses, such as wavelength_unit="nm".

        Raises DeskError, with the receipt in its body, if the file cannot be read.
        """
        path = Path(file)
        body, content_type = _multipart([(name or path.name, path.read_bytes())], stated)
        return int(self._json("POST", "spectra/", body, content_type)["id"])

    def upload_all(self, files: Iterable[str | Path], **stated: Any) -> Iterator[Row]:
        """Upload many files, a hundred a request, and yield a row for each as soon as the desk has stored it.

        files: paths of the files.
        stated: what holds for all of them; see ``upload``.

        A row has the file's name in "file", and a "status" as a single upload would: 202 stored, 200 known already, 400
        refused, with "code" and "detail". A file without a row was not stored: send it again.
        """
        paths = [Path(file) for file in files]
        for start in range(0, len(paths), FILES_AT_ONCE):
            sent = [(path.name, path.read_bytes()) for path in paths[start : start + FILES_AT_ONCE]]
            with self._open("POST", "spectra/batch/", *_multipart(sent, stated)) as answer:
                yield from map(json.loads, answer)

    def begin_upload(self) -> int:
        """Begin an upload and return its id. Send it as ``upload`` with each file that belongs to it."""
        return int(self._send("POST", "uploads/", {})["id"])

    def uploaded(self, upload_id: int, **filters: Any) -> Iterator[Row]:
        """Yield what came of each file of an upload of the user's, in the order in which they arrived.

        filters: fields.

        A row has "filename"; "spectrum", as it is now, or None with "code" and "detail" if the file gave none.
        """
        return self._pages(f"uploads/{upload_id}/", filters)

    def spectrum(self, spectrum_id: int) -> Row:
        """Return a spectrum with its state, receipt and current prediction."""
        return self._json("GET", f"spectra/{spectrum_id}/")

    def wait(self, spectrum_id: int, seconds: float = 300.0) -> Row:
        """Return a spectrum as soon as it is classified or has failed. Raises TimeoutError if that takes longer."""
        deadline = time.monotonic() + seconds
        while (row := self.spectrum(spectrum_id))["state"] == "queued":
            if time.monotonic() > deadline:
                raise TimeoutError(f"spectrum {spectrum_id} is still queued")
            time.sleep(0.5)
        return row

    def arrays(self, spectrum_id: int) -> Row:
        """Return the samples of a spectrum: wavelength (Å), flux, and flux_error (1σ) or None."""
        return self._json("GET", f"spectra/{spectrum_id}/arrays/")

    def original(self, spectrum_id: int) -> bytes:
        """Return the original file of a spectrum, byte for byte."""
        with self._open("GET", f"spectra/{spectrum_id}/original/") as answer:
            return bytes(answer.read())

    def spectra(self, **filters: Any) -> Iterator[Row]:
        """Yield spectra, newest first.

        filters: state, transient, class_name, instrument, group, created_after, fields.
        """
        return self._pages("spectra/", filters)

    def transients(self, **filters: Any) -> Iterator[Row]:
        """Yield transients, newest first.

        filters: state ("pending", "done" …), class_name, q (part of a name), fields.
        """
        return self._pages("transients/", filters)

    def transient(self, name: str) -> Row:
        """Return a transient with its spectra and its decisions."""
        return self._json("GET", f"transients/{quote(name, safe='')}/")

    def queue(self, **filters: Any) -> Iterator[Row]:
        """Yield the transients that wait for a decision, in the order of triage.

        filters: state, class_name, q, group, instrument, arrived_from, arrived_to, above, below, mine, fields.
        """
        return self._pages("queue/", filters)

    def decide(self, transient: str, verdict: Verdict, **details: Any) -> Row:
        """Record a decision on a transient and return its row.

        details: class_name, redshift, comment, spectrum, prediction (id of the one that was looked at).

        Raises DeskError with the code "stale_prediction" if there is a newer prediction than that.
        """
        return self._send("POST", f"transients/{quote(transient, safe='')}/decisions/", {"verdict": verdict, **details})

    def undo(self, decision_id: int) -> Row:
        """Undo a decision of the user's own and return the row of the ledger that says so."""
        return self._json("DELETE", f"decisions/{decision_id}/")

    def classifications(self, **filters: Any) -> Iterator[Row]:
        """Yield the vetted classifications that stand, newest first.

        filters: since (a time in ISO 8601), class_name, reviewer, transient, fields, automatic ("include" adds what
            policies classified, marked, after the rest).
        """
        return self._pages("classifications/", filters)

    def changes(self, since: str = "c0", **filters: Any) -> Changes:
        """Return the classifications that began to stand or were withdrawn after a cursor; "c0" is the beginning."""
        rows: list[Row] = []
        following: str | None = _with("classifications/", {"since": since, **filters})
        while following:
            page = self._json("GET", following)
            rows += page["results"]
            following, since = page["next"], page["since"]
        return Changes(rows, since)

    def export(self, file: str | Path, form: Literal["csv", "votable"] = "csv", **filters: Any) -> None:
        """Write all vetted classifications that stand into a file, however many they are."""
        with (
            self._open("GET", _with("classifications/", {"format": form, **filters})) as answer,
            Path(file).open("wb") as opened,
        ):
            while block := answer.read(BLOCK):
                opened.write(block)

    def send_light_curve(self, transient: str, file: str | Path, **stated: Any) -> Row:
        """Upload a light curve and return it with its points.

        file: path of a CSV file with the columns mjd, filter, mag or flux, error.
        stated: group.
        """
        path = Path(file)
        body, content_type = _multipart([(path.name, path.read_bytes())], stated)
        return self._json("POST", f"transients/{quote(transient, safe='')}/photometry/", body, content_type)

    def light_curves(self, transient: str) -> Iterator[Row]:
        """Yield the light curves of a transient, each with its points."""
        for row in self._pages(f"transients/{quote(transient, safe='')}/photometry/", {}):
            yield self._json("GET", f"photometry/{row['id']}/")

    def make_token(self, label: str, scopes: Collection[str] = (), **life: Any) -> Row:
        """Make a token and return it with its ``key``, which the desk never shows again.

        label: what the token is for.
        scopes: "upload", "decide", both, or none for a token that may only read.
        life: expires_at (ISO 8601), or None for a token that never ends; a year if it is not given.
        """
        return self._send("POST", "tokens/", {"label": label, "scopes": list(scopes), **life})

    def tns_preview(self, transient: str, **options: Any) -> Row:
        """Return the exact report to the TNS and what is missing in it. Nothing is sent.

        options: observer, instrument, exposure_s and the other fields of a report.
        """
        return self._json("GET", _with(f"transients/{quote(transient, safe='')}/tns/", options))

    def _pages(self, path: str, filters: Mapping[str, Any]) -> Iterator[Row]:
        following: str | None = _with(path, filters)
        while following:
            page = self._json("GET", following)
            yield from page["results"]
            following = page["next"]

    def _send(self, method: str, path: str, content: Row) -> Row:
        return self._json(method, path, json.dumps(content).encode(), "application/json")

    def _json(self, method: str, path: str, body: bytes | None = None, content_type: str = "") -> Row:
        with self._open(method, path, body, content_type) as answer:
            row: Row = json.load(answer)
            return row

    def _open(self, method: str, path: str, body: bytes | None = None, content_type: str = "") -> IO[bytes]:
        headers = {"Authorization": f"Token {self._token}", **({"Content-Type": content_type} if body else {})}
        # A link to the next page is a whole address; the token must go to the desk alone, whatever the link says.
        address = self.root + path.split("/api/v1/")[-1]
        last_error: Exception | None = None
        for attempt in range(ATTEMPTS):
            request = urllib.request.Request(address, data=body, headers=headers, method=method)  # noqa: S310
            try:
                answer: IO[bytes] = urllib.request.urlopen(request, timeout=self._timeout)  # noqa: S310
                return answer
            except urllib.error.HTTPError as error:
                if error.code != 429 and not (error.code in {502, 503, 504} and method == "GET"):
                    raise _refusal(error) from None
                last_error = error
                error.close()
                time.sleep(_pause(error, attempt))
            except (OSError, HTTPException) as error:
                if method != "GET":
                    raise UnreachableError(str(error)) from error
                last_error = error
                time.sleep(2**attempt / 2)
        raise UnreachableError(f"the desk did not answer in {ATTEMPTS} attempts; the last error: {last_error}")


def _pause(error: urllib.error.HTTPError, attempt: int) -> float:
    """Return the seconds to wait before the next attempt: what the desk asks for, else longer each time."""
    asked = error.headers.get("Retry-After") or ""
    return min(float(asked), 60.0) if asked.isdigit() else 2**attempt / 2


def _refusal(error: urllib.error.HTTPError) -> DeskError:
    try:
        with error:
            body = json.load(error)
    except (OSError, ValueError):
        body = {}
    return DeskError(error.code, str(body.get("code", "")), str(body.get("detail", error.reason)), body)


def _with(path: str, query: Mapping[str, Any]) -> str:
    stated = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(stated)}" if stated else path


def _multipart(files: Iterable[tuple[str, bytes]], fields: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return the body of a form with files, each a name and its content, and the body's content type."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
        if value is not None
    ]
    for name, content in files:
        safe_name = name.replace('"', "%22").replace("\r", "").replace("\n", "")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{safe_name}"\r\n'
        parts += [f"{head}Content-Type: application/octet-stream\r\n\r\n".encode(), content, b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"
