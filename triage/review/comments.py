"""Comments on a transient: who reads them, who is mentioned, and how they are written and withdrawn."""

from __future__ import annotations

import re
from collections.abc import Collection

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from triage.accounts.audiences import is_private_by_default
from triage.doorbell import SEND_NOTIFICATIONS, ring_after_commit
from triage.errors import InvalidActionError, InvalidCommentError, NotFoundError, NotYoursError
from triage.intake.disclosure import audiences_known_to
from triage.models import Comment, Decision, Mention, Transient, Verdict
from triage.models.blind_sample import owes_blind_vote
from triage.models.comment import CommentQuerySet
from triage.review import free_text, second_opinion

# An @ and the characters that a user's name may have. Those that also end a sentence may not belong to the name.
MENTION = re.compile(r"(?<![\w.@+-])@([\w.@+-]+)")
ENDS_OF_SENTENCES = ".@+-"
# So many names are offered while somebody types.
MOST_NAMES = 300


def thread(user: User, transient: Transient) -> CommentQuerySet:
    """Return the comments on a transient that the user may read, the oldest first.

    There are none while the user's blind vote is wanted, because they may tell the first vote.
    """
    rows = Comment.objects.visible_to(user).filter(~owes_blind_vote(user), transient=transient)
    return rows.select_related("author", "group", "transient").prefetch_related("mentions__user").order_by("id")


def audiences(user: User, known: Collection[int | None]) -> list[Group | None]:
    """Return the audiences that a comment of the user may have: None (everybody) first, then groups by name.

    known: ids of the groups that the user knows to see the transient; None among them if everybody sees it. Then the
        comment may be for any of the user's groups. Otherwise only the groups that see the transient may see it.
    """
    groups = Q(pk__in=[pk for pk in known if pk is not None])
    if None in known:
        groups |= Q(desk_settings__person__isnull=True)
    own: list[Group | None] = list(user.groups.filter(groups).select_related("desk_settings").order_by("name"))
    return [None, *own] if None in known else own


def usual_audience(choices: list[Group | None]) -> Group | None:
    """Return the audience of a comment if nothing is chosen: the first private default, else the first choice.

    choices: audiences that the comment may have.
    """
    return next((group for group in choices if group is not None and is_private_by_default(group)), choices[0])


def add(user: User, transient: Transient, text: str, group_name: str | None = None) -> Comment:
    """Write a comment, and mention the users that it names with an @, if the author knows of them and they may read it.

    group_name: name of the audience, or "" for everybody. None takes the usual audience.

    Raises InvalidCommentError if the text is empty or cannot be stored, or the audience is none that may see the
    transient, and InvalidActionError while the thread is hidden from the user.
    """
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise InvalidCommentError("a comment needs a text")
    if fault := free_text.fault_of(text):
        raise InvalidCommentError(fault)
    if second_opinion.is_hidden(user, transient):
        raise InvalidActionError("the comments are hidden until your own vote is in; vote first")
    group = _audience(user, audiences(user, audiences_known_to(user, transient)), group_name)
    return _write(user, transient, group, text, _mentioned(text, user, group))


def tell_mentioned(decision: Decision) -> None:
    """Write a decision's comment into the thread as well if it mentions users, so that it is in their inboxes.

    A decision that was undone leaves its comment there, so the next one with the same words adds nothing.

    decision: the decision, which is stored.
    """
    mentioned = _mentioned(decision.comment, decision.reviewer, decision.group)
    if mentioned and not _told_before(decision):
        _write(decision.reviewer, decision.transient, decision.group, decision.comment, mentioned)


def _told_before(decision: Decision) -> bool:
    """Return whether the reviewer has just undone a decision that left the same comment in the thread."""
    own = Decision.objects.filter(transient=decision.transient, reviewer=decision.reviewer, pk__lt=decision.pk)
    last = own.select_related("supersedes").order_by("-pk").first()
    if last is None or last.verdict != Verdict.UNDO or last.supersedes is None:
        return False
    undone = last.supersedes
    if (undone.group_id, undone.comment) != (decision.group_id, decision.comment):
        return False
    left = Comment.objects.filter(transient=decision.transient, group=decision.group, author=decision.reviewer)
    return left.filter(text=decision.comment, withdrawn_at__isnull=True).exists()


def _write(user: User, transient: Transient, group: Group | None, text: str, mentioned: QuerySet[User]) -> Comment:
    with transaction.atomic():
        comment = Comment.objects.create(transient=transient, group=group, author=user, text=text)
        Mention.objects.bulk_create(Mention(comment=comment, user=one) for one in mentioned)
        ring_after_commit(SEND_NOTIFICATIONS)
    return comment


def _audience(user: User, choices: list[Group | None], name: str | None) -> Group | None:
    names = {group.name if group else "": group for group in choices}
    if name is not None:
        if name not in names:
            raise InvalidCommentError("the transient cannot be discussed with that group; choose another audience")
        return names[name]
    if None not in choices and len(choices) > 1:
        raise InvalidCommentError(f"choose who may read the comment: {' or '.join(names)}")
    return usual_audience(choices)


def _mentioned(text: str, author: User, group: Group | None) -> QuerySet[User]:
    readers = _known(author)
    if group is not None:
        readers = readers.filter(groups=group)
    names = {spelt for name in names_in(text) for spelt in (name, name.lower())}
    return readers.alias(lower=Lower("username")).filter(lower__in=names)


def _known(user: User) -> QuerySet[User]:
    """Return the others that the user knows of. A mention reaches them alone, so it tells of no other user.

    They share a group with the user, or have taken a decision or written a comment that the user may see.
    """
    shared = Q(pk__in=User.objects.filter(groups__in=user.groups.all()).values("pk"))
    decided = Exists(Decision.objects.visible_to(user).filter(reviewer=OuterRef("pk")))
    wrote = Exists(Comment.objects.visible_to(user).filter(author=OuterRef("pk")))
    return User.objects.filter(shared | decided | wrote, is_active=True).exclude(pk=user.pk)


def reached_nobody(text: str, author: User, group: Group | None) -> str:
    """Return which names after an @ told nobody and why, as a sentence, or "" if there is no such name.

    It is the same sentence for a name that nobody has, that of a user who may not read the text, and the author's own.

    text: text of a comment.
    author, group: its author and its audience.
    """
    typed = dict.fromkeys(match[1].rstrip(ENDS_OF_SENTENCES) for match in MENTION.finditer(text))
    names = [name for name in typed if name[:1].isalpha()]
    if not names:
        return ""
    told = {user.get_username().lower() for user in _mentioned(text, author, group)}
    missed = [f"@{name}" for name in names if not any(one.rstrip(ENDS_OF_SENTENCES) == name.lower() for one in told)]
    if not missed:
        return ""
    names_missed = " and ".join(missed)
    return f"{names_missed} reached nobody: you know of no other reviewer of that name who can see this."


def names_in(text: str) -> set[str]:
    """Return everything after an @ that may be a user's name, with and without the end of a sentence."""
    found = {match[1] for match in MENTION.finditer(text)}
    return {name for one in found for name in (one, one.rstrip(ENDS_OF_SENTENCES)) if name}


def withdraw(user: User, comment_id: int) -> Comment:
    """Withdraw one's own comment and return it. It stays in the thread without its text.

    Raises NotFoundError if the user may see no such comment, NotYoursError if it is somebody else's, and
    InvalidActionError if it was withdrawn before.
    """
    rows = Comment.objects.visible_to(user).filter(pk=comment_id)
    known = Exists(Transient.objects.visible_to(user).filter(pk=OuterRef("transient")))
    comment = rows.filter(known).select_related("author", "group", "transient").first()
    if comment is None:
        raise NotFoundError("there is no such comment")
    if comment.author_id != user.pk:
        raise NotYoursError("only the author of a comment can withdraw it")
    if not rows.filter(withdrawn_at__isnull=True).update(withdrawn_at=timezone.now()):
        raise InvalidActionError("this comment was withdrawn before")
    comment.refresh_from_db(fields=["withdrawn_at"])
    return comment


def names_to_offer(user: User, known: Collection[int | None]) -> list[str]:
    """Return the names of the users whom this user can mention on a transient, in alphabetical order.

    user: who writes the comment.
    known: as in ``audiences``. Unless everybody sees the transient, only members of groups that see it are named.
    """
    readers = _known(user)
    if None not in known:
        readers = readers.filter(groups__in=user.groups.filter(pk__in=known)).distinct()
    return list(readers.order_by("username").values_list("username", flat=True)[:MOST_NAMES])
