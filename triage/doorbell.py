"""Waking a worker.

A message is only a doorbell: the work itself lies in the database, and a periodic task looks for it there. So a bell
that nobody hears loses nothing. Modules ring a task by its name, and need not import the code that does the work.
"""

from __future__ import annotations

import logging
import time

from django.db import transaction
from kombu.exceptions import OperationalError
from kombu.pools import producers

from triage.celery import app

log = logging.getLogger(__name__)

# Registered names of the tasks in triage.tasks. Messages in a broker carry them, so they never change.
PROCESS_BACKLOG = "triage.tasks.process_queue"
PREDICT_AGAIN = "triage.tasks.predict_again"
MEASURE_BRIGHTNESS = "triage.tasks.measure_brightness"
NAME_MATCHES = "triage.tasks.name_matches"
RUN_POLICIES = "triage.tasks.run_policies"
SYNC_SKYPORTAL = "triage.tasks.sync_skyportal"
SEND_TO_SKYPORTAL = "triage.tasks.send_to_skyportal"
ANSWER_ANALYSES = "triage.tasks.answer_analyses"
SEND_NOTIFICATIONS = "triage.tasks.send_notifications"
SEND_WEBHOOKS = "triage.tasks.send_webhooks"
SEND_ACCOUNT_MAIL = "triage.tasks.send_account_mail"
POLL_TNS = "triage.tasks.poll_tns"


# A broker gets this many seconds to take a message. After a failure it is left alone for a while, so that a broker that
# hangs does not hold up each upload.
PATIENCE, PAUSE = 1.0, 15.0
_silent_until = 0.0


def ring(task_name: str) -> None:
    """Send a task; a broker that does not answer soon is left alone.

    task_name: one of the names above.
    """
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    limits = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
    options = app.conf.broker_transport_options | (limits if app.conf.broker_url.startswith("redis") else {})
    try:
        with producers[app.connection_for_write(transport_options=options)].acquire(timeout=PATIENCE) as producer:
            app.send_task(task_name, producer=producer, retry=False)
    except (OperationalError, OSError) as error:
        _silent_until = time.monotonic() + PAUSE
        log.warning("the broker did not take the doorbell (%s); the periodic task will find the work", error)


def ring_after_commit(task_name: str) -> None:
    """Ring once the current transaction is committed, or at once outside a transaction."""
    transaction.on_commit(lambda: ring(task_name))
