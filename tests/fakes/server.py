"""A local HTTP server in a thread, with faults on demand: the base of the fake services."""

from __future__ import annotations

import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

HTML = b"<html><head><title>Sorry</title></head><body><center>nginx</center></body></html>"


class AnswerError(Exception):
    """An answer to a request that is raised where it is decided.

    status: HTTP status.
    content: value to send as JSON, or bytes to send as HTML.
    headers: further headers.
    """

    def __init__(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.content, self.headers = status, content, headers or {}


class Request:
    """A request in parts.

    method, headers, body: as sent.
    path: decoded parts of the path.
    query: parameters; the last value counts if one is repeated, as in SkyPortal.
    """

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        self.method = handler.command
        self.path = [unquote(part) for part in parts.path.strip("/").split("/")]
        self.query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.headers = handler.headers
        self.body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))

    def json(self) -> Any:
        return json.loads(self.body or b"{}")


class FakeService:
    """A server that listens on a free port during its ``with`` block.

    fail_rate: share of requests that fail in one of four ways; half of the failing writes are carried out first.
    seed: seed of the random failures.
    requests: (method, path) of every request.
    failed: number of requests that failed.
    url: address of the server.
    """

    def __init__(self, fail_rate: float = 0.0, seed: int = 1) -> None:
        self.fail_rate = fail_rate
        self.requests: list[tuple[str, str]] = []
        self.failed = 0
        self.lock = threading.RLock()
        self._random = random.Random(seed)
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                service.serve(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Print nothing."""

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.handle_any)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: Request) -> Any:
        """Return the value to send as JSON with status 200; raise AnswerError for any other answer."""
        raise NotImplementedError

    def count(self, method: str, path_start: str) -> int:
        """Return the number of requests with a method and a beginning of their path."""
        return sum(made == method and path.startswith(path_start) for made, path in self.requests)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request, or let it fail."""
        request = Request(handler)
        with self.lock:
            self.requests.append((request.method, handler.path))
            fault = self._random.choice(["500", "502", "cut", "half"]) if self._fails() else ""
            carried_out = not fault or (request.method != "GET" and self._random.random() < 0.5)
            try:
                answer = AnswerError(200, self.answer(request)) if carried_out else AnswerError(500, HTML)
            except AnswerError as raised:
                answer = raised
        if fault == "cut":
            handler.close_connection = True
            return
        if fault in {"500", "502"}:
            answer = AnswerError(int(fault), HTML)
        _send(handler, answer, half=fault == "half")

    def _fails(self) -> bool:
        fails = self._random.random() < self.fail_rate
        self.failed += fails
        return fails


def _send(handler: BaseHTTPRequestHandler, answer: AnswerError, half: bool) -> None:
    html = isinstance(answer.content, bytes)
    body = answer.content if html else json.dumps(answer.content).encode()
    handler.send_response(answer.status)
    handler.send_header("Content-Type", "text/html" if html else "application/json")
    handler.send_header("Content-Length", str(len(body)))
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    try:
        handler.wfile.write(body[: len(body) // 2] if half else body)
    except OSError:
        handler.close_connection = True
    if half:
        handler.close_connection = True
