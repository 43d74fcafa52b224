"""A client of the spectrum triage desk's REST API: one file, Python 3.11+, nothing to install. Copy it to your script.

    from spectrum_triage import Desk

    desk = Desk("https://triage.example.org", token="…")
    spectrum = desk.wait(desk.upload("sn2026abc.txt", transient="SN 2026abc"))
    print(spectrum["prediction"]["class_name"])

Rows are the API's own dictionaries; /api/docs/ describes their keys. It waits out 429, and repeats reads that fail. A
filter that the desk does not have is a DeskError with the code "unknown_parameter".
"""

from __future__ import annotations

import dataclasses
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Collection, Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Literal
from urllib.parse import quote, urlencode, urlsplit

Row = dict[str, Any]
Verdict = Literal["confirm", "override", "unsure", "bad_spectrum"]

ATTEMPTS = 5
BLOCK = 1 << 16


class DeskError(Exception):
    """The desk said no. status: of HTTP. code: for programs, such as "stale_prediction". detail: for people."""

    def __init__(self, status: int, code: str, detail: str, body: Row) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail, self.body = status, code, detail, body


class UnreachableError(Exception):
    """No answer came. A write may have been carried out all the same."""


@dataclasses.dataclass(frozen=True)
class Changes:
    """What has changed in the vetted classifications. since: keep it, and ask with it next time.

    A row with ``withdrawn`` takes back the classification with its ``id``; any other one adds one."""

    rows: list[Row]
    since: str


class Desk:
    """One desk, as the user whose token it is."""

    def __init__(self, url: str, token: str, timeout: float = 60.0) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError("the address of a desk begins with http:// or https://")
        self.root = f"{url.rstrip('/')}/api/v1/"
        self._token, self._timeout = token, timeout

    def upload(self, file: str | Path, *, name: str | None = None, **stated: Any) -> int:
        """Send a file; the id of its spectrum, the first one's if it was sent before.

        stated: transient, redshift, observed_at (ISO 8601), instrument, group, or a correction of the reader's guesses
        such as wavelength_unit="nm". DeskError with the receipt in its body for a file that cannot be read."""
        path = Path(file)
        body, content_type = _multipart(name or path.name, path.read_bytes(), stated)
        return int(self._json("POST", "spectra/", body, content_type)["id"])

    def spectrum(self, spectrum_id: int) -> Row:
        """State, receipt and current prediction."""
        return self._json("GET", f"spectra/{spectrum_id}/")

    def wait(self, spectrum_id: int, seconds: float = 300.0) -> Row:
        """The spectrum once it is classified or has failed. TimeoutError if that takes longer."""
        deadline = time.monotonic() + seconds
        while (row := self.spectrum(spectrum_id))["state"] == "queued":
            if time.monotonic() > deadline:
                raise TimeoutError(f"spectrum {spectrum_id} is still queued")
            time.sleep(0.5)
        return row

    def arrays(self, spectrum_id: int) -> Row:
        """wavelength (Å), flux, and flux_error (1σ) or None."""
        return self._json("GET", f"spectra/{spectrum_id}/arrays/")

    def original(self, spectrum_id: int) -> bytes:
        """The file as it was sent."""
        with self._open("GET", f"spectra/{spectrum_id}/original/") as answer:
            return bytes(answer.read())

    def spectra(self, **filters: Any) -> Iterator[Row]:
        """Newest first. filters: state, transient, class_name, instrument, group, created_after, fields."""
        return self._pages("spectra/", filters)

    def transients(self, **filters: Any) -> Iterator[Row]:
        """Newest first. filters: state ("pending", "done" …), class_name, q, fields."""
        return self._pages("transients/", filters)

    def transient(self, name: str) -> Row:
        """With its spectra and its ledger of decisions."""
        return self._json("GET", f"transients/{quote(name, safe='')}/")

    def queue(self, **filters: Any) -> Iterator[Row]:
        """What waits for a decision, in the order of triage. filters: state, class_name, q, group, fields …"""
        return self._pages("queue/", filters)

    def decide(self, transient: str, verdict: Verdict, **details: Any) -> Row:
        """Record a verdict. details: class_name, redshift, comment, spectrum, and prediction, the one that was looked
        at: where there is a newer one, DeskError with the code "stale_prediction"."""
        return self._send("POST", f"transients/{quote(transient, safe='')}/decisions/", {"verdict": verdict, **details})

    def undo(self, decision_id: int) -> Row:
        """Take a decision of one's own back."""
        return self._json("DELETE", f"decisions/{decision_id}/")

    def classifications(self, **filters: Any) -> Iterator[Row]:
        """What stands, newest first. filters: since (a time), class_name, reviewer, transient, fields."""
        return self._pages("classifications/", filters)

    def changes(self, since: str = "c0", **filters: Any) -> Changes:
        """What began to stand or was withdrawn after the cursor ``since``; "c0" is the beginning."""
        rows: list[Row] = []
        following: str | None = _with("classifications/", {"since": since, **filters})
        while following:
            page = self._json("GET", following)
            rows += page["results"]
            following, since = page["next"], page["since"]
        return Changes(rows, since)

    def export(self, file: str | Path, form: Literal["csv", "votable"] = "csv", **filters: Any) -> None:
        """Write all classifications that stand into a file, whatever their number."""
        with (
            self._open("GET", _with("classifications/", {"format": form, **filters})) as answer,
            Path(file).open("wb") as opened,
        ):
            while block := answer.read(BLOCK):
                opened.write(block)

    def send_light_curve(self, transient: str, file: str | Path, **stated: Any) -> Row:
        """A CSV of mjd, filter, mag or flux, error. stated: group. The answer holds its points."""
        path = Path(file)
        body, content_type = _multipart(path.name, path.read_bytes(), stated)
        return self._json("POST", f"transients/{quote(transient, safe='')}/photometry/", body, content_type)

    def light_curves(self, transient: str) -> Iterator[Row]:
        """Each with its points."""
        for row in self._pages(f"transients/{quote(transient, safe='')}/photometry/", {}):
            yield self._json("GET", f"photometry/{row['id']}/")

    def make_token(self, label: str, scopes: Collection[str] = (), **life: Any) -> Row:
        """Its ``key`` is in this answer alone. scopes: "upload", "decide". life: expires_at (ISO 8601)."""
        return self._send("POST", "tokens/", {"label": label, "scopes": list(scopes), **life})

    def tns_preview(self, transient: str, **options: Any) -> Row:
        """The exact report to the TNS and what is missing in it; nothing is sent. options: observer, instrument …"""
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
            found: Row = json.load(answer)
            return found

    def _open(self, method: str, path: str, body: bytes | None = None, content_type: str = "") -> IO[bytes]:
        headers = {"Authorization": f"Token {self._token}", **({"Content-Type": content_type} if body else {})}
        # A page's link to the next one is a whole address; the token goes to the desk alone.
        address = self.root + path.split("/api/v1/")[-1]
        trouble: Exception | None = None
        for attempt in range(ATTEMPTS):
            request = urllib.request.Request(address, data=body, headers=headers, method=method)  # noqa: S310
            try:
                answer: IO[bytes] = urllib.request.urlopen(request, timeout=self._timeout)  # noqa: S310
                return answer
            except urllib.error.HTTPError as error:
                if error.code != 429 and not (error.code in {502, 503, 504} and method == "GET"):
                    raise _refusal(error) from None
                trouble = error
                error.close()
                time.sleep(_pause(error, attempt))
            except (OSError, HTTPException) as error:
                if method != "GET":
                    raise UnreachableError(str(error)) from error
                trouble = error
                time.sleep(2**attempt / 2)
        raise UnreachableError(f"{ATTEMPTS} attempts, at last: {trouble}")


def _pause(error: urllib.error.HTTPError, attempt: int) -> float:
    said = error.headers.get("Retry-After") or ""
    return min(float(said), 60.0) if said.isdigit() else 2**attempt / 2


def _refusal(error: urllib.error.HTTPError) -> DeskError:
    try:
        with error:
            body = json.load(error)
    except (OSError, ValueError):
        body = {}
    return DeskError(error.code, str(body.get("code", "")), str(body.get("detail", error.reason)), body)


def _with(path: str, query: Mapping[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def _multipart(name: str, content: bytes, fields: Mapping[str, Any]) -> tuple[bytes, str]:
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
        if value is not None
    ]
    shown = name.replace('"', "%22").replace("\r", "").replace("\n", "")
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{shown}"\r\n'
    parts += [f"{head}Content-Type: application/octet-stream\r\n\r\n".encode(), content, b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"
