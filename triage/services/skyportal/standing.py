"""The posts that a server should hold, derived from the decisions and predictions that stand."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from triage.models import (
    Classification,
    Policy,
    PostKind,
    PostState,
    RemoteSpectrum,
    SkyPortalInstance,
    SkyPortalPost,
    Spectrum,
)
from triage.services.skyportal.lease import unleased


def derive(instance: SkyPortalInstance) -> None:
    """Write down what the server should hold, and mark the posts that it should no longer hold."""
    if instance.decisions != Policy.NEVER:
        _add_decisions(instance)
    if instance.predictions != Policy.NEVER:
        _add_predictions(instance)
    _follow_moved(instance)
    stands = Classification.objects.filter(decision=OuterRef("decision"), vetted=True)
    current = Spectrum.objects.filter(current_prediction=OuterRef("prediction"), rejected=False)
    holds = (
        (Q(kind=PostKind.DECISION) & Exists(stands))
        | (Q(kind=PostKind.PREDICTION) & Exists(current) & Exists(_still_there()))
        | (Q(kind=PostKind.ANNOTATION) & Exists(current))
    )
    # A post that a process is working on is left to the next round.
    posts = SkyPortalPost.objects.filter(unleased(), instance=instance)
    _unwant(posts.filter(wanted=True).exclude(holds))
    _want(instance, posts.filter(holds, wanted=False))


def _add_decisions(instance: SkyPortalInstance) -> None:
    mine = SkyPortalPost.objects.filter(instance=instance, decision=OuterRef("decision"))
    rows = Classification.objects.filter(
        ~Exists(mine), group=instance.group, vetted=True, transient__spectra__skyportal__instance=instance
    )
    if instance.posting_since is not None:
        rows = rows.filter(decided_at__gte=instance.posting_since)
    for row in rows.select_related("decision").distinct():
        remote = RemoteSpectrum.objects.filter(instance=instance, spectrum__transient=row.transient_id).first()
        if remote is not None:
            # A decision is about the source that its spectra were imported for.
            name = remote.moved_from or remote.remote_name
            SkyPortalPost.objects.get_or_create(
                instance=instance,
                kind=PostKind.DECISION,
                decision=row.decision,
                defaults={
                    "remote_name": name,
                    "state": _first_state(instance.decisions),
                },
            )


def _add_predictions(instance: SkyPortalInstance) -> None:
    mine = SkyPortalPost.objects.filter(instance=instance, prediction=OuterRef("spectrum__current_prediction"))
    rows = RemoteSpectrum.objects.filter(
        ~Exists(mine),
        instance=instance,
        spectrum__group=instance.group,
        spectrum__rejected=False,
        spectrum__current_prediction__isnull=False,
    )
    since = instance.predictions_since or instance.posting_since
    if since is not None:
        rows = rows.filter(spectrum__current_prediction__created_at__gte=since)
    for row in rows.select_related("spectrum__current_prediction"):
        if row.spectrum is None:
            continue
        for kind in (PostKind.PREDICTION, PostKind.ANNOTATION):
            SkyPortalPost.objects.get_or_create(
                instance=instance,
                kind=kind,
                prediction=row.spectrum.current_prediction,
                defaults={
                    "remote_name": row.remote_name,
                    "remote_spectrum": row.remote_id,
                    "state": _first_state(instance.predictions),
                },
            )


def _still_there() -> QuerySet[RemoteSpectrum]:
    """Return the condition that a post's spectrum belongs to the source that the post is about."""
    of_post = RemoteSpectrum.objects.filter(instance=OuterRef("instance"), remote_id=OuterRef("remote_spectrum"))
    here = Q(remote_name=OuterRef("remote_name"), moved_from="") | Q(moved_from=OuterRef("remote_name"))
    return of_post.filter(here)


def _follow_moved(instance: SkyPortalInstance) -> None:
    """Let a withdrawn prediction be posted for the source that its spectrum belongs to by now."""
    now = RemoteSpectrum.objects.filter(
        instance=OuterRef("instance"), remote_id=OuterRef("remote_spectrum"), moved_from=""
    )
    posts = SkyPortalPost.objects.filter(
        unleased(), ~Exists(_still_there()), Exists(now), instance=instance, kind=PostKind.PREDICTION
    )
    posts = posts.filter(state=PostState.WITHDRAWN, wanted=False)
    posts.update(remote_name=Subquery(now.values("remote_name")[:1]))


def _first_state(policy: str) -> PostState:
    return PostState.WAITING if policy == Policy.ALWAYS else PostState.ASKING


def _unwant(posts: QuerySet[SkyPortalPost]) -> None:
    """Drop the posts that were never sent, and have the others looked for on the server and withdrawn."""
    ids = list(posts.values_list("pk", flat=True))
    rows = SkyPortalPost.objects.filter(unleased(), pk__in=ids)
    rows.filter(maybe_there=False).update(state=PostState.WITHDRAWN, wanted=False, withdrawn_at=timezone.now())
    rows.filter(wanted=True).update(
        state=PostState.WITHDRAWING, wanted=False, attempts=0, next_attempt_at=None, last_error=""
    )


def _want(instance: SkyPortalInstance, posts: QuerySet[SkyPortalPost]) -> None:
    """Post again what stands again, for example after an undo.

    A post that was not withdrawn yet is still on the server, where the next attempt finds it.
    """
    ids = list(posts.values_list("pk", flat=True))
    rows = SkyPortalPost.objects.filter(unleased(), pk__in=ids)
    fresh = {"wanted": True, "attempts": 0, "next_attempt_at": None, "last_error": "", "withdrawn_at": None}
    rows.exclude(state=PostState.WITHDRAWN).update(**fresh, state=PostState.WAITING)
    gone = rows.filter(state=PostState.WITHDRAWN)
    for kinds, policy in (
        ((PostKind.DECISION,), instance.decisions),
        ((PostKind.PREDICTION, PostKind.ANNOTATION), instance.predictions),
    ):
        if policy != Policy.NEVER:
            gone.filter(kind__in=kinds).update(**fresh, state=_first_state(policy), remote_id=None, shared_with=[])
