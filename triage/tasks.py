"""Celery tasks: each calls one function. A message is a doorbell; the work itself lies in the database."""

from __future__ import annotations

import logging

from celery import shared_task
from celery.worker import state

from classifier.errors import CheckpointError
from triage.doorbell import ring

log = logging.getLogger(__name__)


@shared_task(name="triage.tasks.process_queue")  # type: ignore[untyped-decorator]
def process_queue() -> None:
    """Classify whatever is queued."""
    from triage import inference  # it imports PyTorch, which the web server needs not load

    try:
        inference.process_queue(stopping=lambda: state.should_stop is not None)
    except CheckpointError as error:
        log.critical("nothing is classified until the checkpoint can be loaded: %s", error)


@shared_task(name="triage.tasks.predict_again")  # type: ignore[untyped-decorator]
def predict_again() -> None:
    """After a promotion, send the next spectra to the new checkpoint."""
    from triage import checkpoints

    if checkpoints.send_again():
        ring(process_queue)


# A worker may have one process alone: what is left of a long sync waits for the next bell, behind the predictions.
SLICE_SECONDS = 5.0


@shared_task(name="triage.tasks.sync_skyportal")  # type: ignore[untyped-decorator]
def sync_skyportal() -> None:
    """Sync the SkyPortals that are due."""
    from triage.skyportal import sync

    sync.sync_due(SLICE_SECONDS)


@shared_task(name="triage.tasks.send_to_skyportal")  # type: ignore[untyped-decorator]
def send_to_skyportal() -> None:
    """Post and withdraw what SkyPortals are to hold."""
    from triage.skyportal import outbox

    outbox.run(SLICE_SECONDS)


@shared_task(name="triage.tasks.poll_tns")  # type: ignore[untyped-decorator]
def poll_tns() -> None:
    """Ask the TNS what became of reports."""
    from triage import tns

    tns.poll_replies()


@shared_task(name="triage.tasks.send_webhooks")  # type: ignore[untyped-decorator]
def send_webhooks() -> None:
    """Tell webhooks what is new."""
    from triage import webhooks

    webhooks.run(SLICE_SECONDS)


@shared_task(name="triage.tasks.answer_analyses")  # type: ignore[untyped-decorator]
def answer_analyses() -> None:
    """Compute and send back what SkyPortals have pushed."""
    from triage.skyportal import analysis

    analysis.run(SLICE_SECONDS)


@shared_task(name="triage.tasks.send_notifications")  # type: ignore[untyped-decorator]
def send_notifications() -> None:
    """Tell users what they chose to be told of."""
    from triage import notifications

    notifications.run(SLICE_SECONDS)
