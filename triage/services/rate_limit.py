"""A limit on requests per second that all processes keep together, on any number of machines."""

from __future__ import annotations

import hashlib
import logging
import time

from django.core.cache import cache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

# Longer than a process ever waits for its slot.
SLOT_LIFETIME_SECONDS = 30


class RateLimit:
    """A limit for all processes that share a secret, such as a token.

    Time is divided into slots, and the shared cache gives each slot to one process. If the cache does not answer, each
    process keeps the limit by itself.
    """

    def __init__(self, secret: str, per_second: int) -> None:
        """secret: what the processes share; only its hash enters the cache.
        per_second: number of requests that all of them together may make in a second.
        """
        self._name = f"pace-{hashlib.sha256(secret.encode()).hexdigest()[:20]}"
        self._per_second = per_second
        self._last = 0

    def wait(self) -> None:
        """Sleep until this process may make its next request."""
        slot = max(int(time.time() * self._per_second) + 1, self._last + 1)
        while not self._take(slot):
            slot += 1
        self._last = slot
        time.sleep(max(slot / self._per_second - time.time(), 0))

    def _take(self, slot: int) -> bool:
        try:
            return bool(cache.add(f"{self._name}-{slot}", 1, timeout=SLOT_LIFETIME_SECONDS))
        except (RedisError, OSError) as error:
            log.warning("rate limit: the cache does not answer (%s), so this process keeps the limit by itself", error)
            return True
