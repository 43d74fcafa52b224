"""Template tag for the classifications of a transient on SkyPortals, and for its way to a TNS report."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.auth.models import User

from triage.models import Classification, RemoteClassification, RemoteSpectrum, Transient

register = template.Library()

MOST_CLASSIFICATIONS = 20


@register.inclusion_tag("partials/elsewhere.html")
def skyportal_classifications(transient: Transient, user: User, standing: Classification | None) -> dict[str, Any]:
    """Show what SkyPortals call a transient, without what this desk posted there, and link the TNS report if vetted.

    transient: the transient of the page.
    user: reader of the page, who sees only the SkyPortals of their groups.
    standing: the classification that stands for this user, or None.
    """
    remote_names = RemoteSpectrum.objects.filter(spectrum__transient=transient).values("remote_name")
    rows = RemoteClassification.objects.visible_to(user).filter(remote_name__in=remote_names, ours=False)
    return {
        "classifications": rows.select_related("instance").order_by("machine", "-remote_id")[:MOST_CLASSIFICATIONS],
        "transient": transient,
        "vetted": standing is not None and standing.vetted,
    }
