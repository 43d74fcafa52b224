"""A warning on every page while the desk's own disk is nearly full, because nothing can be stored then."""

from __future__ import annotations

import shutil

from django.conf import settings
from django.http import HttpRequest

# SQLite and the broker need some room to finish what they have begun.
LEAST_FREE_BYTES = 50 << 20


def disk_notice(request: HttpRequest) -> dict[str, bool]:
    """Tell templates whether the disk of var/ is nearly full."""
    try:
        return {"disk_full": shutil.disk_usage(settings.VAR).free < LEAST_FREE_BYTES}
    except OSError:
        return {"disk_full": True}
