"""Which worker does what."""

from __future__ import annotations

from django.conf import settings

from triage import doorbell
from triage.celery import app


def queue_of(task: str) -> str:
    name: str = app.amqp.router.route({}, task)["queue"].name
    return name


def test_what_waits_for_other_servers_is_done_by_a_worker_of_its_own() -> None:
    tasks = {value for name, value in vars(doorbell).items() if name.isupper() and isinstance(value, str)}
    inside = {
        doorbell.PROCESS_BACKLOG,
        doorbell.PREDICT_AGAIN,
        doorbell.MEASURE_BRIGHTNESS,
        doorbell.NAME_MATCHES,
        doorbell.RUN_POLICIES,
    }
    assert {task for task in tasks if queue_of(task) == settings.CELERY_TASK_DEFAULT_QUEUE} == inside
    assert {task for task in tasks if queue_of(task) == settings.OUTSIDE_QUEUE} == tasks - inside
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= tasks
