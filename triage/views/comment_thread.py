"""The thread of comments on the review page."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator

from django.contrib.auth.models import Group, User

from triage.models import Comment, Transient
from triage.review import comments


@dataclasses.dataclass(frozen=True)
class Part:
    """A piece of a comment's text.

    text: the piece.
    mention: whether it names a user who is mentioned.
    """

    text: str
    mention: bool = False


@dataclasses.dataclass(frozen=True)
class ListedComment:
    """A comment as the page lists it.

    comment: the stored row.
    parts: its text; empty if it was withdrawn.
    may_withdraw: whether the user may withdraw it.
    """

    comment: Comment
    parts: list[Part]
    may_withdraw: bool


@dataclasses.dataclass(frozen=True)
class AudienceChoice:
    """An audience that a comment can have.

    name: name of the group, or "" for everybody.
    chosen: whether the form proposes it.
    """

    name: str
    chosen: bool


@dataclasses.dataclass(frozen=True)
class CommentThread:
    """Comments on a transient, and what the form for another one offers.

    listed: comments, the oldest first.
    audiences: audiences to choose from.
    names: names of users to mention, here and in the comment of a verdict.
    """

    listed: list[ListedComment]
    audiences: list[AudienceChoice]
    names: list[str]

    @property
    def standing(self) -> int:
        """Return the number of comments that were not withdrawn."""
        return sum(one.comment.withdrawn_at is None for one in self.listed)


def comment_thread(
    user: User, transient: Transient, known: Collection[int | None], shown: Group | None
) -> CommentThread:
    """Return the comments that the user may read.

    known: ids of the groups that the user knows to see the transient; None among them if everybody does.
    shown: audience of the spectrum on the page. A comment is proposed for it, because it may be about this spectrum.
    """
    choices = comments.audiences(user, known)
    proposed = shown if shown is not None and shown in choices else comments.usual_audience(choices)
    return CommentThread(
        listed=[_listed(user, comment) for comment in comments.thread(user, transient)],
        audiences=[AudienceChoice(group.name if group else "", group == proposed) for group in choices],
        names=comments.names_to_offer(user, known),
    )


def _listed(user: User, comment: Comment) -> ListedComment:
    standing = comment.withdrawn_at is None
    names = {mention.user.get_username().lower() for mention in comment.mentions.all()}
    parts = list(_parts(comment.text, names)) if standing else []
    return ListedComment(comment, parts, standing and comment.author_id == user.pk)


def _parts(text: str, names: Collection[str]) -> Iterator[Part]:
    """Cut a text where it names one of the users.

    names: names of the mentioned users, in lower case.
    """
    end = 0
    for match in comments.MENTION.finditer(text):
        name = next((name for name in comments.names_in(match[0]) if name.lower() in names), None)
        if name is not None:
            yield Part(text[end : match.start()])
            end = match.start() + 1 + len(name)
            yield Part(text[match.start() : end], mention=True)
    yield Part(text[end:])
