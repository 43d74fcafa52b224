"""Inbox of a user: comments that mention them, second opinions that they owe, and disputes over their votes.

It is derived from comments and classifications. Only what the user has read is stored. Functions take ``simulated`` as
triage.models.demonstration describes it.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet, Value
from django.utils import timezone

from triage.models import Classification, Comment, Mention, OutcomeState, SeenRound, Transient
from triage.models.classification import ClassificationQuerySet
from triage.models.comment import CommentQuerySet
from triage.models.demonstration import only

MENTION, ROUND = "mention", "round"
# An inbox lists no more than so many entries of each kind, and counts no further.
MOST = 200


@dataclasses.dataclass(frozen=True)
class Entry:
    """One thing in a user's inbox.

    kind: MENTION, or the state of the round of votes ("second_opinion" or "disputed").
    transient: the transient that it is about.
    at: when it came.
    unread: whether the user has not read it.
    comment: the comment that mentions the user, or None.
    concealed: whether the comment's text is hidden until the user's blind vote is in.
    """

    kind: str
    transient: Transient
    at: datetime
    unread: bool
    comment: Comment | None = None
    concealed: bool = False

    @property
    def text(self) -> str:
        """Return the text of the comment, or "" if there is none or it is hidden."""
        return "" if self.comment is None or self.concealed else self.comment.text


def entries(user: User, simulated: bool | None = None) -> list[Entry]:
    """Return the newest entries of the user's inbox, the newest first, at most MOST."""
    found = [*_mentions(user, simulated), *_rounds(user, simulated)]
    return sorted(found, key=lambda entry: entry.at, reverse=True)[:MOST]


def unread(user: User, simulated: bool | None = None) -> int:
    """Return the number of unread entries, in one query; more than MOST are counted as MOST + 1."""
    return _unread(user, simulated, None)[: MOST + 1].count()


def mark_read(user: User, transient: Transient | None = None, simulated: bool | None = None) -> None:
    """Mark entries of the user's inbox as read.

    transient: the transient that the user has opened, annotated by ``for_review``, or None for all entries. Opening a
        transient does not mark a mention as read whose comment is still hidden from the user.
    """
    found: dict[str, list[int]] = defaultdict(list)
    for kind, pk in _unread(user, simulated, transient):
        found[kind].append(pk)
    if comments := found[MENTION]:
        Mention.objects.filter(user=user, comment__in=comments).update(read_at=timezone.now())
    if seen := found[ROUND]:
        SeenRound.objects.bulk_create((SeenRound(user=user, decision_id=pk) for pk in seen), ignore_conflicts=True)


def _unread(user: User, simulated: bool | None, transient: Transient | None) -> QuerySet[Any, tuple[str, int]]:
    """Return what the user has not read: (MENTION, id of the comment) or (ROUND, id of its newest decision).

    transient: as in ``mark_read``.
    """
    mentions = _comments(user, simulated).unread().annotate(kind=Value(MENTION))
    rounds = [rows.filter(~_seen_by(user)).annotate(kind=Value(ROUND)) for rows in _open_rounds(user, simulated)]
    if transient is not None:
        mentions = mentions.none() if transient.hidden else mentions.filter(transient=transient)
        rounds = [rows.filter(transient=transient) for rows in rounds]
    ids = [mentions.values_list("kind", "pk"), *(rows.values_list("kind", "decision") for rows in rounds)]
    first, *others = (rows.order_by() for rows in ids)
    return first.union(*others, all=True)


def _mentions(user: User, simulated: bool | None) -> Iterator[Entry]:
    rows = _comments(user, simulated).with_concealed(user).select_related("author", "transient").order_by("-id")
    for row in rows[:MOST]:
        unread = row.read_at is None
        yield Entry(MENTION, row.transient, row.created_at, unread, row, row.concealed)


def _rounds(user: User, simulated: bool | None) -> Iterator[Entry]:
    for rows in _open_rounds(user, simulated):
        newest: Any = rows.annotate(unread=~_seen_by(user)).select_related("transient").newest_first()
        for row in newest[:MOST]:
            yield Entry(OutcomeState(row.state).value, row.transient, row.decided_at, row.unread)


def _comments(user: User, simulated: bool | None) -> CommentQuerySet:
    return Comment.objects.mentioning(user).filter(only(simulated, "transient__"))


def _open_rounds(user: User, simulated: bool | None) -> tuple[ClassificationQuerySet, ClassificationQuerySet]:
    """Return the rounds that want the user's second opinion, and those in which a vote of the user's is disputed."""
    rows = Classification.objects.visible_to(user).filter(only(simulated, "transient__"))
    return rows.wanting_vote_of(user), rows.disputing(user)


def _seen_by(user: User) -> Exists:
    return Exists(SeenRound.objects.filter(user=user, decision=OuterRef("decision")))
