"""Celery tasks: each calls one function. A message is a doorbell; the work itself lies in the database."""

from __future__ import annotations

import logging

from celery import shared_task
from celery.worker import state

from classifier.errors import CheckpointError

log = logging.getLogger(__name__)


@shared_task(name="triage.tasks.process_queue")  # type: ignore[untyped-decorator]
def process_queue() -> None:
    """Classify whatever is queued."""
    from triage import inference  # it imports PyTorch, which the web server needs not load

    try:
        inference.process_queue(stopping=lambda: state.should_stop is not None)
    except CheckpointError as error:
        log.critical("nothing is classified until the checkpoint can be loaded: %s", error)
