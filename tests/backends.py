"""Which database and broker the tests use: Postgres and Redis where they answer, else SQLite and a filesystem broker.

TRIAGE_TEST_BACKEND=embedded or services forces the one or the other.
"""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

LOCAL_POSTGRES = "postgres://postgres@127.0.0.1:5432/triage"
# A number of its own; nothing is ever flushed.
LOCAL_REDIS = "redis://127.0.0.1:6379/9"


def _answers(url: str, port: int) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or port), timeout=1):
            return True
    except OSError:
        return False


def choose() -> tuple[str, str]:
    """(DATABASE_URL, REDIS_URL), empty for the embedded ones."""
    wanted = os.environ.get("TRIAGE_TEST_BACKEND", "auto")
    if wanted == "embedded":
        return "", ""
    database = os.environ.get("DATABASE_URL") or LOCAL_POSTGRES
    redis = os.environ.get("REDIS_URL") or LOCAL_REDIS
    found = (database if _answers(database, 5432) else "", redis if _answers(redis, 6379) else "")
    if wanted == "services" and not all(found):
        raise RuntimeError("TRIAGE_TEST_BACKEND=services, but Postgres or Redis does not answer")
    return found
