"""Users who asked for notifications, and transients that cause some."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, User

from tests.factories import spectrum_file
from triage.inference import worker
from triage.intake.submit import Given, submit_spectrum
from triage.models import (
    Notification,
    NotificationPreference,
    NotificationState,
    Prediction,
    Transient,
)
from triage.services import notifications


def save_wishes(user: User, url: str = "", **fields: Any) -> NotificationPreference:
    """Store what a user wants to be told, and the web address that it goes to."""
    return notifications.save_preference(NotificationPreference(user=user, **fields), url)


def novel_transient(
    user: User, name: str = "X", novelty: float = 0.99, group: Group | None = None, seed: int = 1
) -> Transient:
    """Return a classified transient whose prediction has the given novelty."""
    submit_spectrum(user, spectrum_file(seed=seed), f"{name}{seed}.txt", Given(transient=name, group=group))
    worker.process_backlog()
    Prediction.objects.filter(spectrum__filename=f"{name}{seed}.txt").update(novelty=novelty)
    return Transient.objects.get(name=name)


def send_notifications() -> int:
    """Run a round of the worker, as if the time of the next attempt had come."""
    Notification.objects.exclude(state=NotificationState.SENDING).update(next_attempt_at=None)
    NotificationPreference.objects.update(quiet_until=None)
    return notifications.run(30)
