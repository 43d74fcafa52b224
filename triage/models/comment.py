"""Comments on transients: remarks without a verdict, and the users they mention."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Exists, F, OuterRef

from triage.models.audience import AudienceQuerySet, User
from triage.models.blind_sample import owes_blind_vote
from triage.models.prediction import ImmutableRecordError
from triage.models.transient import Transient


class CommentQuerySet(AudienceQuerySet["Comment"]):
    """Comments, each visible to one audience."""

    def mentioning(self, user: User) -> Self:
        """Return the comments that mention the user and that they may know of, without the withdrawn ones.

        read_at: when the user read it, or None.
        """
        known = Transient.objects.visible_to(user).filter(pk=OuterRef("transient"))
        rows = self.visible_to(user).filter(Exists(known), mentions__user=user, withdrawn_at__isnull=True)
        return rows.annotate(read_at=F("mentions__read_at"))

    def unread(self) -> Self:
        """Return the comments that the user has not read. Call it on those of ``mentioning``."""
        return self.filter(read_at__isnull=True)

    def with_concealed(self, user: User) -> Self:
        """Annotate ``concealed``: whether its text is hidden until the user's blind vote is in."""
        return self.annotate(concealed=owes_blind_vote(user))


class Comment(models.Model):
    """A remark on a transient. Written by triage.review.comments alone; its text is never changed.

    transient: the transient.
    group: the audience; None for everybody who sees the transient.
    author: the user who wrote it.
    text: the remark, as plain text.
    created_at: when it was written.
    withdrawn_at: when its author withdrew it, or None. Nobody is shown the text of a withdrawn comment.
    """

    transient = models.ForeignKey(Transient, on_delete=models.CASCADE, related_name="comments")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField(max_length=4000)
    created_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    # Annotations of CommentQuerySet.
    read_at: datetime | None
    concealed: bool

    objects = CommentQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("transient", "id"), name="comment_of_transient"),)

    def __str__(self) -> str:
        return f"{self.author_id} on {self.transient_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ImmutableRecordError("a comment is never changed; withdraw it and write another")
        super().save(*args, **kwargs)


class Mention(models.Model):
    """A user whom a comment mentions.

    comment: the comment.
    user: the user.
    read_at: when the user read it, or None.
    """

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="mentions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "comment"), name="mentioned_once"),)
        indexes = (models.Index(fields=("user",), condition=models.Q(read_at__isnull=True), name="mention_unread"),)

    def __str__(self) -> str:
        return f"{self.user_id} in {self.comment_id}"


class SeenRound(models.Model):
    """A round of votes, as it stood after one decision, that a user has seen.

    user: the user.
    decision: the newest decision of the round.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    decision = models.ForeignKey("triage.Decision", on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "decision"), name="round_seen_once"),)

    def __str__(self) -> str:
        return f"{self.user_id}: {self.decision_id}"
