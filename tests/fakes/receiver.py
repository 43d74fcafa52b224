"""A web server that keeps the messages it is sent, and webhooks that send to it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from tests.fakes.server import HTML, AnswerError, FakeService, Request
from triage.models import Webhook, WebhookDelivery
from triage.services import webhooks


class Receiver(FakeService):
    """A web server that keeps the messages it is sent.

    status: HTTP status of its answers; it keeps a message only if this is 200.
    messages: bodies of the messages, oldest first.
    last: the latest request, or None.
    """

    status = 200

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.messages: list[dict[str, Any]] = []
        self.last: Request | None = None

    def answer(self, request: Request) -> Any:
        self.last = request
        if self.status != 200:
            raise AnswerError(self.status, HTML, {"Location": "http://127.0.0.1:1/"})
        self.messages.append(request.json())
        return {}


def hook(user: User, server: Receiver, predictions: bool = False) -> tuple[Webhook, str]:
    """Make a webhook for decisions, and for predictions if asked; return it with its secret."""
    return webhooks.make(user, f"{server.url}/hook", on_prediction=predictions, on_decision=True)


def send() -> int:
    """Run a round of the worker, as if the time of the next attempt had come; return the number delivered."""
    WebhookDelivery.objects.update(next_attempt_at=None)
    Webhook.objects.update(quiet_until=None)
    return webhooks.run(30)
