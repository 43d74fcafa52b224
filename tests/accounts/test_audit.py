"""Making and removing tokens and webhooks is recorded in the admin's log."""

from __future__ import annotations

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from triage.models import ApiToken
from triage.services import webhooks


def acts() -> list[tuple[str, str]]:
    return list(LogEntry.objects.order_by("id").values_list("user__username", "change_message"))


def test_making_and_revoking_a_token_is_logged_without_its_key(reviewer: User, client: Client) -> None:
    client.force_login(reviewer)
    page = client.post(reverse("tokens"), {"label": "laptop", "days": 30})
    token = ApiToken.objects.get()
    client.post(reverse("revoke-token", args=[token.pk]))
    assert acts() == [("reviewer", "made the token"), ("reviewer", "revoked the token")]
    key = page.context["key"]
    assert not LogEntry.objects.filter(object_repr__contains=key).exists()


def test_making_and_removing_a_webhook_is_logged(reviewer: User) -> None:
    made, _ = webhooks.make(reviewer, "https://192.0.9.9/hook", on_prediction=False, on_decision=True)
    webhooks.remove(reviewer, made.pk)
    assert [act for _, act in acts()] == ["made the webhook", "removed the webhook"]


def test_the_audit_log_can_be_read_in_the_admin_but_not_changed(admin_client: Client, reviewer: User) -> None:
    webhooks.make(reviewer, "https://192.0.9.9/hook", on_prediction=False, on_decision=True)
    row = LogEntry.objects.get()
    assert b"made the webhook" in admin_client.get("/admin/admin/logentry/").content
    assert admin_client.post(f"/admin/admin/logentry/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get("/admin/admin/logentry/add/").status_code == 403
