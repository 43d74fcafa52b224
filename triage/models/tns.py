"""Classification reports to the Transient Name Server (TNS)."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.utils import timezone

from triage.models.audience import AudienceQuerySet

# The TNS answers a report within minutes, and sometimes loses one.
LOST_AFTER = timedelta(days=1)


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


class TnsTables(models.Model):
    """Tables of one TNS server, as it last sent them.

    target: the sandbox or the live server.
    object_types, instruments, groups: names by number, whose keys are texts because they are JSON.
    fetched_at: when the server sent them.
    """

    target = models.CharField(max_length=7, choices=TnsTarget.choices, unique=True)
    object_types = models.JSONField(default=dict)
    instruments = models.JSONField(default=dict)
    groups = models.JSONField(default=dict)
    fetched_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"tables of the {self.target} TNS"


class TnsReportQuerySet(AudienceQuerySet["TnsReport"]):
    """Reports, and those that a person has to look at."""

    def without_answer(self) -> Self:
        """Return the reports that may or may not have arrived: no answer came, and none is awaited any more."""
        now = timezone.now()
        unclear = models.Q(state=TnsState.SENDING, next_poll_at__lte=now)
        return self.filter(unclear | models.Q(state=TnsState.SENT, sent_at__lte=now - LOST_AFTER))


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
    further_files: name and content of each further spectrum's file.
    state: how far the report has come.
    report_id: number that the TNS gave the report, or "".
    reply: the TNS's answer as JSON.
    detail: the answer in words.
    polls: how often the answer was asked for.
    next_poll_at: when the answer is asked for next, or None.
    sent_by: user who sent it.
    created_at: when it was written.
    sent_at: when the TNS took it, or None.
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
    further_files = models.JSONField(default=list, db_default=[])
    state = models.CharField(max_length=8, choices=TnsState.choices, default=TnsState.PREPARED)
    report_id = models.CharField(max_length=40, blank=True)
    reply = models.JSONField(default=dict, blank=True)
    detail = models.TextField(blank=True)
    polls = models.PositiveIntegerField(default=0)
    next_poll_at = models.DateTimeField(null=True, blank=True)
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = TnsReportQuerySet.as_manager()

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

    @property
    def object_type(self) -> int:
        return int(self.payload["classification_report"]["0"]["objtypeid"])

    @property
    def files(self) -> list[tuple[str, str]]:
        """Name and content of all spectrum files, in the order of the report."""
        return [(self.ascii_name, self.ascii_file), *((name, content) for name, content in self.further_files)]
