"""What other services say of a transient, and what goes out to them, for its page."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.auth.models import User

from triage.models import Classification, RemoteClassification, RemoteSpectrum, Transient

register = template.Library()


@register.inclusion_tag("partials/elsewhere.html")
def elsewhere(transient: Transient, user: User, standing: Classification | None) -> dict[str, Any]:
    """Classifications on the SkyPortals that the user sees, ours left out; a link to the report where it is vetted."""
    names = RemoteSpectrum.objects.filter(spectrum__transient=transient).values("remote_name")
    rows = RemoteClassification.objects.visible_to(user).filter(remote_name__in=names, ours=False)
    return {
        "classifications": rows.select_related("instance").order_by("machine", "-remote_id")[:20],
        "transient": transient,
        "vetted": standing is not None and standing.vetted,
    }
