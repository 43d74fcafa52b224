"""SkyPortal pages: connections with their runs, and the outbox."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Case, Count, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from triage.errors import TriageError
from triage.models import PostState, SkyPortalInstance, SkyPortalPost, SkyPortalRun, Transient
from triage.models.blind_sample import owes_blind_vote
from triage.services.skyportal import outbox, sync
from triage.services.skyportal.forms import InstanceForm
from triage.views.base import sentence, signed_in, wants_fragment
from triage.views.sorting import sorted_by

PAGE = 25
# Columns that the runs and the outbox can be sorted by.
RUNS_BY = {
    "began": "started_at",
    "name": "instance__name",
    "state": "state",
    **{name: name for name in ("listed", "fetched", "new", "changed", "unchanged", "errors")},
}
POSTS_BY = {"source": "remote_name", "name": "instance__name", "state": "state", "changed": "changed_at"}
# Actions of a user on a post, by its state, each with the label of its button.
ACTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    PostState.ASKING: (("approve", "Post it"), ("refuse", "Do not post")),
    PostState.GIVEN_UP: (("replay", "Try again"),),
    PostState.REFUSED: (("replay", "Try again"),),
    PostState.NO_NAME: (("replay", "Try again"),),
}


@login_required
@require_safe
def skyportal_page(request: HttpRequest) -> HttpResponse:
    """List the connections, and every run with its result, the newest first or as ``sort`` says (see RUNS_BY)."""
    user = signed_in(request)
    instances = SkyPortalInstance.objects.visible_to(user).select_related("group")
    runs = SkyPortalRun.objects.filter(instance__in=instances).select_related("instance")
    sort = request.GET.get("sort", "")
    page = Paginator(sorted_by(runs, sort, RUNS_BY), PAGE).get_page(request.GET.get("page"))
    context = {
        "instances": instances,
        "page": page,
        "busy": any(run.finished_at is None for run in page.object_list),
        "posts": _counts(user),
        "sort": sort,
        "section": "skyportal",
    }
    return render(request, "partials/skyportal_runs.html" if wants_fragment(request) else "skyportal.html", context)


def _counts(user: User) -> dict[str, int]:
    """Return the number of posts in each state."""
    counted = SkyPortalPost.objects.visible_to(user).order_by().values_list("state").annotate(number=Count("pk"))
    return dict(counted)


@login_required
@require_POST
def sync_now(request: HttpRequest, instance_id: int) -> HttpResponse:
    try:
        instance = sync.request_run(signed_in(request), instance_id, full=request.POST.get("full") == "1")
    except TriageError as error:
        messages.error(request, sentence(error.detail))
    else:
        messages.info(request, f"{instance}: the sync will begin in a moment.")
    return redirect("skyportal")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_instance(request: HttpRequest, instance_id: int | None = None) -> HttpResponse:
    """Add, change or test a connection; for staff, since it decides which server a token is sent to.

    A test saves nothing. Its button sends ``test`` with the fields; a script that asks gets the outcome alone.
    """
    user = signed_in(request)
    if not user.is_staff:
        raise PermissionDenied
    instances = SkyPortalInstance.objects.visible_to(user)
    instance = None if instance_id is None else get_object_or_404(instances, pk=instance_id)
    form = InstanceForm(user, request.POST or None, instance)
    context = {"form": form, "instance": instance, "section": "skyportal"}
    if "test" in request.POST:
        page = "partials/connection_test.html" if wants_fragment(request) else "skyportal_instance.html"
        return render(request, page, {**context, "trial": form.test()})
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, f"{saved} was saved.")
        return redirect("skyportal")
    return render(request, "skyportal_instance.html", context)


@dataclasses.dataclass(frozen=True)
class OutboxRow:
    """A post, as the outbox lists it.

    post: the stored row.
    hidden: whether its class is hidden because the user's blind vote is wanted.
    class_name: class to post.
    origin: who decided, or what of the network's answer is posted.
    transient: the transient, or None if the spectrum belongs to none.
    actions: what the user can do with it: the action and the label of its button.
    """

    post: SkyPortalPost
    hidden: bool
    class_name: str
    origin: str
    transient: Transient | None
    actions: tuple[tuple[str, str], ...]

    @classmethod
    def stored(cls, post: SkyPortalPost, *, hidden: bool) -> Self:
        """Describe a post whose decision or prediction was fetched with it."""
        actions = ACTIONS.get(post.state, ())
        if post.decision is not None:
            origin = f"by {post.decision.reviewer.get_username()}"
            return cls(post, hidden, post.decision.class_name, origin, post.decision.transient, actions)
        prediction = post.prediction
        class_name = prediction.class_name if prediction else ""
        transient = prediction.spectrum.transient if prediction else None
        return cls(post, hidden, class_name, post.get_kind_display(), transient, actions)


@login_required
@require_safe
def outbox_page(request: HttpRequest) -> HttpResponse:
    """List the posts: waiting, done and failed.

    Parameters: state (shows one state alone), sort (a key of POSTS_BY, with a minus for the reverse).
    """
    user = signed_in(request)
    counts = _counts(user)
    state = request.GET.get("state", "")
    posts = SkyPortalPost.objects.visible_to(user).annotate(
        hidden=owes_blind_vote(user, "decision__transient") | owes_blind_vote(user, "prediction__spectrum__transient"),
        changed_at=Coalesce("withdrawn_at", "posted_at", "created_at"),
    )
    if state in PostState.values:
        posts = posts.filter(state=state)
    # Posts that wait for a person come first.
    posts = posts.order_by(Case(When(state__in=(PostState.ASKING, PostState.GIVEN_UP), then=0), default=1), "-id")
    sort = request.GET.get("sort", "")
    related = ("instance", "decision__reviewer", "decision__transient", "prediction__spectrum__transient")
    rows = sorted_by(posts.select_related(*related), sort, POSTS_BY)
    page: Any = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [OutboxRow.stored(post, hidden=post.hidden) for post in page.object_list],
        "states": [(value, label, counts.get(value, 0)) for value, label in PostState.choices],
        "total": sum(counts.values()),
        "state": state,
        "sort": sort,
        "section": "skyportal",
    }
    return render(request, "skyportal_outbox.html", context)


@login_required
@require_POST
def answer_post(request: HttpRequest, post_id: int, action: str) -> HttpResponse:
    try:
        post = outbox.answer(signed_in(request), post_id, action)
    except TriageError as error:
        messages.error(request, sentence(error.detail))
    else:
        messages.success(request, f"{post}: {post.get_state_display()}.")
    return redirect("skyportal-outbox")
