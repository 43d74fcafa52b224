"""The numbers above the queue: how many transients there are in each state, as a user sees them."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time

from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db.models import Max
from redis.exceptions import RedisError

from triage.models import Claim, Decision, QueueEntry, Spectrum, SpectrumState, Transient
from triage.models.demonstration import only
from triage.queue.filters import OUTCOMES

log = logging.getLogger(__name__)

# No count is older than so many seconds.
OLDEST = 10


def counts(user: User, simulated: bool | None = None) -> dict[str, int]:
    """Return the number of transients in each state of STATES, except "all".

    "processing" counts spectra in the backlog instead. All who are in the same groups see the same numbers. Those are
    kept for settings.COUNTS_KEPT times as long as counting took, in whole seconds. So a small desk counts each time.
    Numbers from before the user's own last decision are not used: whoever decides sees at once what is left.

    simulated: see triage.models.demonstration.
    """
    groups = sorted(user.groups.values_list("pk", flat=True))
    key = f"queue-counted-{hashlib.sha256(repr((groups, simulated)).encode()).hexdigest()[:20]}"
    try:
        kept = cache.get(key)
    except (RedisError, OSError) as error:
        log.warning("the cache does not answer, so the queue is counted each time (%s)", error)
        kept = None
    if kept and not user.decisions.filter(pk__gt=kept["last_decision"]).exists():
        return dict(kept["numbers"])
    started = time.monotonic()
    last = Decision.objects.aggregate(newest=Max("pk"))["newest"] or 0
    numbers = _count(user, simulated)
    if seconds := int(min(settings.COUNTS_KEPT * (time.monotonic() - started), OLDEST)):
        with contextlib.suppress(RedisError, OSError):
            cache.set(key, {"numbers": numbers, "last_decision": last}, seconds)
    return numbers


def _count(user: User, simulated: bool | None) -> dict[str, int]:
    states = QueueEntry.objects.filter(only(simulated, "transient__")).counted(user)
    waiting = Transient.objects.waiting(user).filter(only(simulated)).order_by()
    found = {
        "pending": states.get("pending", 0),
        "in_review": waiting.filter(pk__in=Claim.objects.live().visible_to(user).values("transient")).count(),
        "bad": states.get("bad", 0),
        **{name: states.get(name, 0) for name in (*OUTCOMES, "automatic")},
    }
    spectra = Spectrum.objects.visible_to(user).filter(only(simulated)).order_by()
    failed = spectra.not_classified().values("transient").distinct().count()
    return found | {"processing": spectra.filter(state=SpectrumState.QUEUED).count(), "failed": failed}
