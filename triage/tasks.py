"""Celery tasks: each calls one function. A message is a doorbell; the work itself lies in the database.

Only workers import this module, because it loads PyTorch. Everybody else rings a task by its name (triage.doorbell).
"""

from __future__ import annotations

import logging

from celery import shared_task
from celery.worker import state

from classifier.errors import CheckpointError
from triage import doorbell
from triage.inference import backlog, brightness, checkpoints, missing_matches, worker
from triage.review import lane
from triage.services import account_mail, notifications, webhooks
from triage.services.skyportal import answering, outbox, sync
from triage.services.tns import lookup, reports

log = logging.getLogger(__name__)

# A worker may have one process alone: what is left of a long sync waits for the next bell, behind the predictions.
SLICE_SECONDS = 5.0


@shared_task(name=doorbell.PROCESS_BACKLOG)  # type: ignore[untyped-decorator]
def process_backlog() -> None:
    """Classify the spectra that wait for the network."""
    try:
        worker.process_backlog(stopping=lambda: state.should_stop is not None, after_batch=_let_policies_look)
    except CheckpointError as error:
        log.critical("nothing is classified until the checkpoint can be loaded: %s", error)


def _let_policies_look() -> None:
    """Run the policies on a batch at once, because the prediction of a drawn transient is hidden from then on."""
    try:
        lane.run_policies()
    except Exception:
        # They run again soon, and no spectrum waits for that.
        log.exception("the automatic policies failed after a batch")


@shared_task(name=doorbell.PREDICT_AGAIN)  # type: ignore[untyped-decorator]
def predict_again() -> None:
    """Send the next spectra to a newly promoted checkpoint."""
    if checkpoints.return_stale_to_backlog():
        doorbell.ring(doorbell.PROCESS_BACKLOG)


@shared_task(name=doorbell.MEASURE_BRIGHTNESS)  # type: ignore[untyped-decorator]
def measure_brightness() -> None:
    """Compute what changed light curves say about the classes."""
    brightness.measure_due(SLICE_SECONDS, stopping=backlog.waits)


@shared_task(name=doorbell.NAME_MATCHES)  # type: ignore[untyped-decorator]
def name_matches() -> None:
    """Compare spectra that have no matches of the present library with it."""
    missing_matches.fill(SLICE_SECONDS, stopping=backlog.waits)


@shared_task(name=doorbell.RUN_POLICIES)  # type: ignore[untyped-decorator]
def run_policies() -> None:
    """Let the automatic policies that are on classify what they pass."""
    lane.run_policies()


@shared_task(name=doorbell.SYNC_SKYPORTAL)  # type: ignore[untyped-decorator]
def sync_skyportal() -> None:
    """Sync the SkyPortals that are due."""
    sync.sync_due(SLICE_SECONDS)


@shared_task(name=doorbell.SEND_TO_SKYPORTAL)  # type: ignore[untyped-decorator]
def send_to_skyportal() -> None:
    """Post what SkyPortals are to hold, and withdraw what does not stand any more."""
    outbox.run(SLICE_SECONDS)


@shared_task(name=doorbell.POLL_TNS)  # type: ignore[untyped-decorator]
def poll_tns() -> None:
    """Ask the TNS what became of reports, and what it knows of transients."""
    reports.poll_replies()
    lookup.look_up_due()


@shared_task(name=doorbell.SEND_WEBHOOKS)  # type: ignore[untyped-decorator]
def send_webhooks() -> None:
    """Tell webhooks of new predictions and decisions."""
    webhooks.run(SLICE_SECONDS)


@shared_task(name=doorbell.ANSWER_ANALYSES)  # type: ignore[untyped-decorator]
def answer_analyses() -> None:
    """Compute the analyses that SkyPortals have asked for, and send them back."""
    answering.run(SLICE_SECONDS)


@shared_task(name=doorbell.SEND_NOTIFICATIONS)  # type: ignore[untyped-decorator]
def send_notifications() -> None:
    """Send users the messages that they asked for."""
    notifications.run(SLICE_SECONDS)


@shared_task(name=doorbell.SEND_ACCOUNT_MAIL)  # type: ignore[untyped-decorator]
def send_account_mail() -> None:
    """Send the links for new passwords, and invitations to groups."""
    account_mail.run(SLICE_SECONDS)
