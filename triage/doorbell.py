"""Waking a worker. The work itself lies in the database, so that a bell that nobody hears loses nothing."""

from __future__ import annotations

import logging
from typing import Any

from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)


def ring(task: Any) -> None:
    """Send a Celery task without waiting for the broker. One that does not answer is left alone: the periodic task
    looks into the database itself."""
    try:
        task.apply_async(retry=False)
    except (OperationalError, OSError) as error:
        log.warning("the broker did not take the doorbell (%s); the periodic task will find the work", error)
