"""Reports to the Transient Name Server: submitted by a person, sent by a worker, the reply polled and stored.

The TNS cannot be asked whether a report has arrived before its id is known. So a report that was on its way when its
process died, or whose answer got lost, stays in ``sending`` until a person has looked there.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from triage.doorbell import ring
from triage.errors import InvalidActionError, NotFoundError
from triage.models import TnsReport, TnsState, TnsTarget, Transient
from triage.tasks import poll_tns
from triage.tns_client import (
    EXISTS,
    GOOD,
    RENAMED,
    MaybeSentError,
    NotSentError,
    PendingError,
    RejectedError,
    TnsClient,
    TnsError,
    feedback_codes,
    has_credentials,
)
from triage.tns_report import Options, Report, build_report

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 10
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
# After that long a report in ``sending`` is not being sent any more: its worker has died.
STUCK_AFTER = timedelta(minutes=10)
OPEN = (TnsState.PREPARED, TnsState.SENDING, TnsState.SENT)


def submit(user: User, transient: Transient, options: Options, target: str, confirmation: str) -> TnsReport:
    """Hand a report over to be sent. confirmation: the TNS name, typed once more.

    Raises NotFoundError, and InvalidActionError for whatever keeps it from being sent, a double report included."""
    if not user.has_perm("triage.add_tnsreport"):
        raise InvalidActionError("you may not send reports to the TNS; ask for the permission “Can add tns report”")
    if target not in TnsTarget.values:
        raise InvalidActionError("choose the sandbox or the live TNS")
    if not has_credentials():
        raise InvalidActionError("this desk has no credentials for the TNS; a dry run is all it can do")
    report = build_report(user, transient, options)
    if report.problems:
        raise InvalidActionError(" ".join(report.problems))
    if confirmation.strip() != report.tns_name:
        raise InvalidActionError(f"type {report.tns_name} to confirm that it is to be sent")
    try:
        with transaction.atomic():
            Transient.objects.select_for_update().get(pk=transient.pk)
            _refuse_double(report, target)
            row = _create(user, transient, report, target)
            transaction.on_commit(lambda: ring(poll_tns))
    except IntegrityError:
        raise InvalidActionError("this was reported before") from None
    return row


def _refuse_double(report: Report, target: str) -> None:
    """The same type of the same event is reported once; and one report at a time."""
    object_type = report.payload["classification_report"]["0"]["objtypeid"]
    earlier = TnsReport.objects.filter(target=target, tns_name__iexact=report.tns_name)
    for row in earlier.exclude(state=TnsState.REJECTED):
        same = row.payload["classification_report"]["0"]["objtypeid"] == object_type
        if same or row.state in OPEN or row.decision_id == report.decision.pk:
            raise InvalidActionError(f"{report.tns_name} was reported before ({row.get_state_display()})")


def _create(user: User, transient: Transient, report: Report, target: str) -> TnsReport:
    row: TnsReport = TnsReport.objects.create(
        target=target,
        transient=transient,
        decision=report.decision,
        group=report.group,
        tns_name=report.tns_name,
        payload=report.payload,
        ascii_name=report.ascii_name,
        ascii_file=report.ascii_file,
        sent_by=user,
    )
    return row


def settle(user: User, report_id: int, *, arrived: bool) -> TnsReport:
    """A person has looked at the TNS whether a report without an answer arrived.

    Raises NotFoundError, and InvalidActionError for a report that may still be on its way."""
    row: TnsReport | None = TnsReport.objects.visible_to(user).filter(pk=report_id).first()
    if row is None:
        raise NotFoundError("there is no such report")
    if not user.has_perm("triage.add_tnsreport"):
        raise InvalidActionError("you may not decide about reports to the TNS")
    stuck = TnsReport.objects.filter(pk=report_id, state=TnsState.SENDING, next_poll_at__lte=timezone.now())
    changed = stuck.update(
        state=TnsState.ACCEPTED if arrived else TnsState.REJECTED,
        detail=f"{user.get_username()} looked: it {'arrived' if arrived else 'did not arrive'}",
        finished_at=timezone.now(),
    )
    if not changed:
        raise InvalidActionError("this report may still be on its way, or is settled")
    row.refresh_from_db()
    return row


def poll_replies() -> None:
    """Send what is to be sent, and ask for the replies that are due."""
    if not has_credentials():
        return
    now = timezone.now()
    due = Q(next_poll_at__isnull=True) | Q(next_poll_at__lte=now)
    for row in TnsReport.objects.filter(due, state=TnsState.PREPARED):
        # One worker alone gets past this.
        mine = TnsReport.objects.filter(due, pk=row.pk, state=TnsState.PREPARED)
        if mine.update(state=TnsState.SENDING, next_poll_at=now + STUCK_AFTER):
            _send(row)
    for row in TnsReport.objects.filter(due, state=TnsState.SENT):
        wait = min(FIRST_WAIT * 2 ** min(row.polls, 10), LONGEST_WAIT)
        mine = TnsReport.objects.filter(due, pk=row.pk, state=TnsState.SENT)
        if mine.update(next_poll_at=now + wait, polls=row.polls + 1):
            _ask(row)


def _send(row: TnsReport) -> None:
    try:
        with TnsClient(row.target) as client:
            _check_type(client, row)
            spectrum = row.payload["classification_report"]["0"]["spectra"]["spectra-group"]["0"]
            spectrum["ascii_file"] = client.upload(row.ascii_name, row.ascii_file)
            row.save(update_fields=["payload"])
            report_id = client.send(row.payload)
    except NotSentError as error:
        _send_later(row, error.detail)
    except RejectedError as error:
        _close(row, TnsState.REJECTED, error.detail, error.reply)
    except MaybeSentError as error:
        log.error("whether the report of %s arrived is not known: %s", row, error.detail)
        _update(row, detail=f"It may have arrived: {error.detail}. Look at the TNS, then say here.")
    else:
        _update(row, state=TnsState.SENT, report_id=report_id, polls=0, detail="", next_poll_at=timezone.now())


def _check_type(client: TnsClient, row: TnsReport) -> None:
    """The TNS's own table of types decides, where it can be had. Raises RejectedError."""
    types = client.object_types()
    object_type = row.payload["classification_report"]["0"]["objtypeid"]
    if types and object_type not in types:
        raise RejectedError(f"the TNS has no object type {object_type} any more")
    other = next(
        (number for number, name in types.items() if name.casefold() == row.decision.class_name.casefold()), None
    )
    if other is not None and other != object_type:
        raise RejectedError(f"“{row.decision.class_name}” is object type {other} of the TNS, not {object_type}")


def _send_later(row: TnsReport, detail: str) -> None:
    if row.polls + 1 >= MAX_ATTEMPTS:
        _close(row, TnsState.REJECTED, f"given up after {MAX_ATTEMPTS} attempts: {detail}", {})
        return
    wait = min(FIRST_WAIT * 2**row.polls, LONGEST_WAIT)
    later = timezone.now() + wait
    _update(row, state=TnsState.PREPARED, polls=row.polls + 1, detail=detail, next_poll_at=later)


def _ask(row: TnsReport) -> None:
    try:
        with TnsClient(row.target) as client:
            reply = client.reply(row.report_id)
    except RejectedError as error:
        _close(row, TnsState.REJECTED, error.detail, error.reply)
    except PendingError:
        return
    except TnsError as error:
        _update(row, detail=f"the reply could not be had: {error.detail}")
    else:
        codes = set(feedback_codes(reply.get("data")))
        if codes and not codes & GOOD:
            _close(row, TnsState.REJECTED, f"feedback {sorted(codes)}", reply)
        else:
            notes = {EXISTS: "it was there already", RENAMED: "the object has a new prefix"}
            detail = ", ".join(note for code, note in notes.items() if code in codes)
            _close(row, TnsState.ACCEPTED, detail, reply)


def _close(row: TnsReport, state: TnsState, detail: str, reply: dict[str, object]) -> None:
    if state == TnsState.REJECTED:
        log.error("the TNS did not take the report of %s: %s", row, detail)
    _update(row, state=state, detail=detail, reply=reply, finished_at=timezone.now(), next_poll_at=None)


def _update(row: TnsReport, **changes: object) -> None:
    TnsReport.objects.filter(pk=row.pk).update(**changes)
