"""Reports to the Transient Name Server (TNS): a person submits one, and a worker sends it and fetches the reply.

The TNS can only be asked about a report whose id is known. So a report whose answer was lost, or whose process died
while sending it, stays in the state ``sending`` until a person has looked at the TNS.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from triage.doorbell import POLL_TNS, ring_after_commit
from triage.errors import InvalidActionError, NotFoundError
from triage.models import TnsReport, TnsState, TnsTarget, Transient
from triage.models.tns import LOST_AFTER
from triage.services import attempts
from triage.services.tns.client import (
    ACCEPTED_CODES,
    EXISTS,
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
from triage.services.tns.payload import Options, Report, build_report, name_files
from triage.services.tns.tables import Tables, are_stale, store_tables

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 10
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
# After this time the worker of a report in ``sending`` has died.
STUCK_AFTER = timedelta(minutes=10)
LOST = "No answer for a day: the TNS may have lost it. Look there, then say here if it arrived."
# A TNS that did not send its tables is asked again after this time.
ASKED_AGAIN_SECONDS = 3600
UNSETTLED_REPORTS = (TnsState.PREPARED, TnsState.SENDING, TnsState.SENT)


def submit(user: User, transient: Transient, options: Options, target: str, confirmation: str) -> TnsReport:
    """Hand a report over to a worker, which sends it.

    user: who sends it.
    transient: transient whose classification is reported.
    options: what the user adds to the report.
    target: "sandbox" or "live".
    confirmation: the transient's TNS name, which the user types once more.

    Raises NotFoundError if the transient has no vetted classification, and InvalidActionError if the user may not send
    reports, something is missing, or the same was reported before.
    """
    if not user.has_perm("triage.add_tnsreport"):
        raise InvalidActionError(
            "you may not send reports to the TNS; ask an administrator for the permission “Can add tns report”"
        )
    if target not in TnsTarget.values:
        raise InvalidActionError("choose where the report goes: the sandbox or the live TNS")
    if not has_credentials():
        raise InvalidActionError(
            "this desk has no credentials for the TNS, so the report can be previewed but not sent"
        )
    report = build_report(user, transient, options)
    if report.problems:
        raise InvalidActionError(" ".join(report.problems))
    if confirmation.strip() != report.tns_name:
        raise InvalidActionError(f"nothing was sent: type {report.tns_name} to confirm the report")
    try:
        with transaction.atomic():
            Transient.objects.select_for_update().get(pk=transient.pk)
            _refuse_double(report, target)
            row = _create(user, transient, report, target)
            ring_after_commit(POLL_TNS)
    except IntegrityError:
        raise InvalidActionError("this classification was reported before; see “TNS reports”") from None
    return row


def _refuse_double(report: Report, target: str) -> None:
    """Raise InvalidActionError if the same type was reported for this name, or another report of it is on its way."""
    object_type = report.payload["classification_report"]["0"]["objtypeid"]
    earlier = TnsReport.objects.filter(target=target, tns_name__iexact=report.tns_name)
    for row in earlier.exclude(state=TnsState.REJECTED):
        if row.object_type == object_type or row.state in UNSETTLED_REPORTS or row.decision_id == report.decision.pk:
            raise InvalidActionError(
                f"{report.tns_name} was reported before (state: {row.get_state_display()}); see “TNS reports”"
            )


def _create(user: User, transient: Transient, report: Report, target: str) -> TnsReport:
    (name, content), *further = report.files
    return TnsReport.objects.create(
        target=target,
        transient=transient,
        decision=report.decision,
        group=report.group,
        tns_name=report.tns_name,
        payload=report.payload,
        ascii_name=name,
        ascii_file=content,
        further_files=further,
        sent_by=user,
    )


def settle(user: User, report_id: int, *, arrived: bool) -> TnsReport:
    """Store what a person saw at the TNS: whether a report that got no answer arrived.

    Raises NotFoundError if the user may not see the report, and InvalidActionError if it may still be on its way.
    """
    row = TnsReport.objects.visible_to(user).filter(pk=report_id).first()
    if row is None:
        raise NotFoundError("there is no such TNS report")
    if not user.has_perm("triage.add_tnsreport"):
        raise InvalidActionError(
            "you may not settle reports to the TNS; ask an administrator for the permission “Can add tns report”"
        )
    changed = (
        TnsReport.objects.filter(pk=report_id)
        .without_answer()
        .update(
            state=TnsState.ACCEPTED if arrived else TnsState.REJECTED,
            detail=f"{user.get_username()} looked at the TNS: the report {'arrived' if arrived else 'did not arrive'}",
            finished_at=timezone.now(),
        )
    )
    if not changed:
        raise InvalidActionError("nothing was changed: this report may still be on its way, or it is settled already")
    row.refresh_from_db()
    return row


def poll_replies() -> None:
    """Send the reports that are due, and fetch the replies to those that were sent."""
    if not has_credentials():
        return
    _refresh_tables()
    now = timezone.now()
    due = Q(next_poll_at__isnull=True) | Q(next_poll_at__lte=now)
    for row in TnsReport.objects.filter(due, state=TnsState.PREPARED):
        # Only one worker gets past this update.
        mine = TnsReport.objects.filter(due, pk=row.pk, state=TnsState.PREPARED)
        if mine.update(state=TnsState.SENDING, next_poll_at=now + STUCK_AFTER):
            _send(row)
    for row in TnsReport.objects.filter(due, state=TnsState.SENT):
        mine = TnsReport.objects.filter(due, pk=row.pk, state=TnsState.SENT)
        if mine.update(next_poll_at=attempts.later(FIRST_PAUSE, row.polls, LONGEST_PAUSE), polls=row.polls + 1):
            _fetch_reply(row)


def _send(row: TnsReport) -> None:
    try:
        with TnsClient(row.target) as client:
            _check_type(store_tables(row.target, client.tables()), row)
            name_files(row.payload, [client.upload(name, content) for name, content in row.files])
            row.save(update_fields=["payload"])
            report_id = client.send(row.payload)
    except NotSentError as error:
        _send_later(row, error.detail)
    except RejectedError as error:
        _close(row, TnsState.REJECTED, error.detail, error.reply)
    except MaybeSentError as error:
        log.error(
            "TNS report of %s: no clear answer (%s); a person has to look at the TNS and settle it", row, error.detail
        )
        _update(row, detail=f"It may have arrived: {error.detail}. Look at the TNS, then say here whether it did.")
    else:
        _update(
            row,
            state=TnsState.SENT,
            report_id=report_id,
            polls=0,
            detail="",
            next_poll_at=timezone.now(),
            sent_at=timezone.now(),
        )


def _refresh_tables() -> None:
    """Fetch the tables of the live TNS now and then, so that pages offer its instruments and groups by name."""
    if not are_stale(TnsTarget.LIVE) or not cache.add("tns-tables-asked-for", True, ASKED_AGAIN_SECONDS):
        return
    try:
        with TnsClient(TnsTarget.LIVE) as client:
            store_tables(TnsTarget.LIVE, client.tables())
    except TnsError as error:
        log.warning("the TNS's tables could not be fetched: %s", error.detail)


def _check_type(tables: Tables, row: TnsReport) -> None:
    """Compare the object type with the TNS's own table. Raises RejectedError if they differ."""
    if row.object_type not in tables.object_types:
        raise RejectedError(f"the TNS has no object type {row.object_type}")
    theirs = tables.type_number(row.decision.class_name, usual=row.object_type)
    if theirs != row.object_type:
        raise RejectedError(f"the TNS calls “{row.decision.class_name}” object type {theirs}, not {row.object_type}")


def _send_later(row: TnsReport, detail: str) -> None:
    if row.polls + 1 >= MAX_ATTEMPTS:
        _close(
            row, TnsState.REJECTED, f"given up after {MAX_ATTEMPTS} attempts, the last of which failed: {detail}", {}
        )
        return
    next_poll_at = attempts.later(FIRST_PAUSE, row.polls, LONGEST_PAUSE)
    _update(row, state=TnsState.PREPARED, polls=row.polls + 1, detail=detail, next_poll_at=next_poll_at)


def _fetch_reply(row: TnsReport) -> None:
    try:
        with TnsClient(row.target) as client:
            reply = client.reply(row.report_id)
    except RejectedError as error:
        _close(row, TnsState.REJECTED, error.detail, error.reply)
    except PendingError:
        if row.detail != LOST and row.sent_at is not None and timezone.now() - row.sent_at > LOST_AFTER:
            log.error("TNS report %s of %s has no answer after a day; the TNS may have lost it", row.report_id, row)
            _update(row, detail=LOST)
    except TnsError as error:
        _update(row, detail=f"the reply could not be fetched and is asked for again: {error.detail}")
    else:
        codes = set(feedback_codes(reply.get("data")))
        if codes and not codes & ACCEPTED_CODES:
            _close(row, TnsState.REJECTED, f"the TNS answered with the feedback codes {sorted(codes)}", reply)
        else:
            notes = {EXISTS: "the TNS had this classification already", RENAMED: "the TNS gave the object a new prefix"}
            detail = ", ".join(note for code, note in notes.items() if code in codes)
            _close(row, TnsState.ACCEPTED, detail, reply)


def _close(row: TnsReport, state: TnsState, detail: str, reply: dict[str, object]) -> None:
    if state == TnsState.REJECTED:
        log.error("TNS report of %s was not accepted and is closed: %s", row, detail)
    _update(row, state=state, detail=detail, reply=reply, finished_at=timezone.now(), next_poll_at=None)


def _update(row: TnsReport, **changes: object) -> None:
    TnsReport.objects.filter(pk=row.pk).update(**changes)
