"""A pace that all processes keep together, on whatever machines, through the shared cache."""

from __future__ import annotations

import hashlib
import logging
import time

from django.core.cache import cache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

KEPT_SECONDS = 30


class Pace:
    """At most ``per_second`` steps for all that share ``secret``. Time is cut into slots, and each is one process's.

    A cache that does not answer leaves each process to keep the pace by itself."""

    def __init__(self, secret: str, per_second: int) -> None:
        self._name = f"pace-{hashlib.sha256(secret.encode()).hexdigest()[:20]}"
        self._per_second = per_second
        self._last = 0

    def wait(self) -> None:
        """Sleep until the next step is ours."""
        slot = max(int(time.time() * self._per_second) + 1, self._last + 1)
        while not self._take(slot):
            slot += 1
        self._last = slot
        time.sleep(max(slot / self._per_second - time.time(), 0))

    def _take(self, slot: int) -> bool:
        try:
            return bool(cache.add(f"{self._name}-{slot}", 1, timeout=KEPT_SECONDS))
        except (RedisError, OSError) as error:
            log.warning("the pace is kept by this process alone, the cache does not answer (%s)", error)
            return True
