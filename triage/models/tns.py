"""Classification reports to the Transient Name Server (TNS)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models

from triage.models.audience import AudienceQuerySet


class TnsTarget(models.TextChoices):
    """TNS server that a report goes to."""

    SANDBOX = "sandbox", "sandbox"
    LIVE = "live", "live"


class TnsState(models.TextChoices):
    """State of a report."""

    PREPARED = "prepared", "to be sent"
    SENDING = "sending", "being sent"
    SENT = "sent", "sent; the answer is awaited"
    ACCEPTED = "accepted", "accepted"
    REJECTED = "rejected", "rejected"


class TnsReport(models.Model):
    """One report that a person chose to send.

    A report that stays in ``sending`` may or may not have arrived, so it is never sent again automatically.

    target: the sandbox or the live server.
    transient: the transient.
    decision: the decision that is reported.
    group: the audience, or None for everybody.
    tns_name: the designation without its prefix, such as "2026abc".
    payload: the report as JSON, as it was sent.
    ascii_name: name of the attached spectrum file.
    ascii_file: content of the attached spectrum file.
    state: how far the report has come.
    report_id: number that the TNS gave the report, or "".
    reply: the TNS's answer as JSON.
    detail: the answer in words.
    polls: how often the answer was asked for.
    next_poll_at: when the answer is asked for next, or None.
    sent_by: user who sent it.
    created_at: when it was written.
    finished_at: when the TNS accepted or rejected it, or None.
    """

    target = models.CharField(max_length=7, choices=TnsTarget.choices)
    transient = models.ForeignKey("triage.Transient", on_delete=models.PROTECT, related_name="tns_reports")
    decision = models.ForeignKey("triage.Decision", on_delete=models.PROTECT, related_name="+")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    tns_name = models.CharField(max_length=40)
    payload = models.JSONField()
    ascii_name = models.CharField(max_length=120)
    ascii_file = models.TextField()
    state = models.CharField(max_length=8, choices=TnsState.choices, default=TnsState.PREPARED)
    report_id = models.CharField(max_length=40, blank=True)
    reply = models.JSONField(default=dict, blank=True)
    detail = models.TextField(blank=True)
    polls = models.PositiveIntegerField(default=0)
    next_poll_at = models.DateTimeField(null=True, blank=True)
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = AudienceQuerySet["TnsReport"].as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            # A decision is reported once; a rejected report may be corrected and sent again.
            models.UniqueConstraint(
                fields=("target", "decision"), condition=~models.Q(state="rejected"), name="one_tns_report_a_decision"
            ),
            models.UniqueConstraint(
                fields=("target", "tns_name"),
                condition=models.Q(state__in=("prepared", "sending", "sent")),
                name="one_open_tns_report_a_name",
            ),
        )

    def __str__(self) -> str:
        return f"{self.tns_name} ({self.target})"
