"""Choice of database and broker for the tests: Postgres and Redis if they answer, else SQLite and a filesystem broker.

TRIAGE_TEST_BACKEND=services forces Postgres and Redis, TRIAGE_TEST_BACKEND=embedded the others.
"""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

LOCAL_POSTGRES = "postgres://postgres@127.0.0.1:5432/triage"
# Database 9 is used by the tests only. It is never flushed.
LOCAL_REDIS = "redis://127.0.0.1:6379/9"


def _answers(url: str, port: int) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or port), timeout=1):
            return True
    except OSError:
        return False


def choose() -> tuple[str, str]:
    """Return DATABASE_URL and REDIS_URL; each is empty for the embedded one.

    Raises RuntimeError if services are demanded and one of them does not answer.
    """
    wanted = os.environ.get("TRIAGE_TEST_BACKEND", "auto")
    if wanted == "embedded":
        return "", ""
    database = os.environ.get("DATABASE_URL") or LOCAL_POSTGRES
    redis = os.environ.get("REDIS_URL") or LOCAL_REDIS
    found = (database if _answers(database, 5432) else "", redis if _answers(redis, 6379) else "")
    if wanted == "services" and not all(found):
        raise RuntimeError("TRIAGE_TEST_BACKEND=services, but Postgres or Redis does not answer")
    return found
