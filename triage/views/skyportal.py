"""SkyPortal: the connections and their runs, and the outbox."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Case, Count, Exists, OuterRef, Q, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from triage.errors import TriageError
from triage.models import Classification, PostState, SkyPortalInstance, SkyPortalPost, SkyPortalRun
from triage.skyportal import outbox, sync
from triage.skyportal.forms import InstanceForm
from triage.views.base import signed_in, wants_fragment

PAGE = 25


@login_required
@require_safe
def skyportal_page(request: HttpRequest) -> HttpResponse:
    """Connections, and every run with what came of it."""
    user = signed_in(request)
    instances = SkyPortalInstance.objects.visible_to(user).select_related("group")
    runs = SkyPortalRun.objects.filter(instance__in=instances).select_related("instance")
    page = Paginator(runs, PAGE).get_page(request.GET.get("page"))
    context = {
        "instances": instances,
        "page": page,
        "busy": any(run.finished_at is None for run in page.object_list),
        "posts": _counts(user),
        "section": "skyportal",
    }
    return render(request, "partials/skyportal_runs.html" if wants_fragment(request) else "skyportal.html", context)


def _counts(user: User) -> dict[str, int]:
    """How many posts there are in each state."""
    found = SkyPortalPost.objects.visible_to(user).order_by().values_list("state").annotate(number=Count("pk"))
    return dict(found)


@login_required
@require_POST
def sync_now(request: HttpRequest, instance_id: int) -> HttpResponse:
    try:
        instance = sync.request_run(signed_in(request), instance_id, full=request.POST.get("full") == "1")
    except TriageError as error:
        messages.error(request, error.detail)
    else:
        messages.info(request, f"{instance}: the sync begins in a moment.")
    return redirect("skyportal")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_instance(request: HttpRequest, instance_id: int | None = None) -> HttpResponse:
    """Add or change a connection; for staff, since it decides which server a token is sent to."""
    user = signed_in(request)
    if not user.is_staff:
        raise PermissionDenied
    instances = SkyPortalInstance.objects.visible_to(user)
    instance = None if instance_id is None else get_object_or_404(instances, pk=instance_id)
    form = InstanceForm(user, request.POST or None, instance)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, f"{saved} is saved.")
        return redirect("skyportal")
    return render(request, "skyportal_instance.html", {"form": form, "instance": instance, "section": "skyportal"})


@login_required
@require_safe
def outbox_page(request: HttpRequest) -> HttpResponse:
    """What is or was to be posted; ?state= shows one state alone."""
    user = signed_in(request)
    counts = _counts(user)
    state = request.GET.get("state", "")
    posts = SkyPortalPost.objects.visible_to(user).annotate(hidden=Exists(_owed_by(user)))
    if state in PostState.values:
        posts = posts.filter(state=state)
    # What waits for somebody comes first.
    posts = posts.order_by(Case(When(state__in=(PostState.ASKING, PostState.GIVEN_UP), then=0), default=1), "-id")
    related = ("instance", "decision__reviewer", "decision__transient", "prediction__spectrum__transient")
    context: dict[str, Any] = {
        "page": Paginator(posts.select_related(*related), PAGE).get_page(request.GET.get("page")),
        "states": [(value, label, counts.get(value, 0)) for value, label in PostState.choices],
        "total": sum(counts.values()),
        "state": state,
        "section": "skyportal",
    }
    return render(request, "skyportal_outbox.html", context)


def _owed_by(user: User) -> Any:
    """The open rounds on a post's transient in which the user's blind vote is wanted."""
    about = Q(transient=OuterRef("decision__transient")) | Q(transient=OuterRef("prediction__spectrum__transient"))
    return Classification.objects.filter(about).visible_to(user).wanting_vote_of(user)


@login_required
@require_POST
def answer_post(request: HttpRequest, post_id: int, action: str) -> HttpResponse:
    try:
        post = outbox.answer(signed_in(request), post_id, action)
    except TriageError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, f"{post}: {post.get_state_display()}.")
    return redirect("skyportal-outbox")
