"""How many requests a minute one token may make. Counted in the shared cache, for all web processes together."""

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
    # It reads its default throttles, this one, while it is imported.
    from rest_framework.views import APIView

log = logging.getLogger(__name__)

MINUTE = 60


class TokenThrottle(BaseThrottle):
    """API_REQUESTS_PER_MINUTE for each token, and for each user's session; 0: no limit. A count for each minute by the
    clock: a list of times, as Django REST framework keeps it, would be long at such rates."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        most = settings.API_REQUESTS_PER_MINUTE
        if not most or not request.user.is_authenticated:
            return True
        who = f"token-{request.auth.pk}" if isinstance(request.auth, ApiToken) else f"user-{request.user.pk}"
        try:
            return _count(f"api-{who}-{int(time.time()) // MINUTE}") <= most
        except (RedisError, OSError) as error:
            # An upload is worth more than a limit.
            log.warning("requests are not counted, the cache does not answer (%s)", error)
            return True

    def wait(self) -> float:
        """Seconds until the next minute begins."""
        return MINUTE - time.time() % MINUTE


def _count(key: str) -> int:
    """Add one. A key that ran out in between starts again."""
    cache.add(key, 0, timeout=2 * MINUTE)
    try:
        return cache.incr(key)
    except ValueError:
        return 1
