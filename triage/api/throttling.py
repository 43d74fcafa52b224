"""Limit on the requests that one token may make in a minute, counted for all web processes together."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from triage.models import ApiToken

if TYPE_CHECKING:
    # This module imports the default throttles, and so TokenThrottle below.
    from rest_framework.views import APIView

log = logging.getLogger(__name__)

MINUTE = 60


class TokenThrottle(BaseThrottle):
    """Allows API_REQUESTS_PER_MINUTE for each token and for each user's session; 0 means no limit.

    Requests are counted by minutes of the clock. Django REST framework's own throttle keeps the time of every request
    in a list, which would grow long at such rates.
    """

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count the request; return whether it is within the limit."""
        limit = settings.API_REQUESTS_PER_MINUTE
        if not limit or not request.user.is_authenticated:
            return True
        sender = f"token-{request.auth.pk}" if isinstance(request.auth, ApiToken) else f"user-{request.user.pk}"
        try:
            return _count(f"api-{sender}-{int(time.time()) // MINUTE}") <= limit
        except (RedisError, OSError) as error:
            # Accepting an upload matters more than the limit.
            log.warning("the cache does not answer, so API requests are not limited now (%s)", error)
            return True

    def wait(self) -> float:
        """Return the seconds until the next minute begins."""
        return MINUTE - time.time() % MINUTE


def _count(key: str) -> int:
    """Add one to the count under a key and return it."""
    cache.add(key, 0, timeout=2 * MINUTE)
    try:
        return cache.incr(key)
    except ValueError:
        # The key expired between the two calls.
        return 1
