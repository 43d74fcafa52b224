"""Acts that begin at the same moment, each in a thread with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection

from tests.backends import choose

# The test's database must also be one that commits: ``pytest.mark.django_db(transaction=True)``.
needs_threads = pytest.mark.skipif(not choose()[0], reason="threads share the in-memory database of SQLite")


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Begin all acts at once, and return what each returned, or the exception that it raised."""
    ready = threading.Barrier(len(acts))
    results: list[Any] = [None] * len(acts)

    def run(number: int) -> None:
        try:
            # The connection is open before the others begin.
            connection.ensure_connection()
            ready.wait()
            results[number] = acts[number]()
        except Exception as error:
            results[number] = error
            # Nobody waits for one that cannot begin.
            ready.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
