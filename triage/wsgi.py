"""Entry point for a WSGI server."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "triage.settings")

application = get_wsgi_application()
# All pages are loaded now, and not by the first request. What is loaded stays, so the garbage collector need not look
# at it, which took 200 to 300 ms of one request in twenty.
get_resolver().url_patterns  # noqa: B018
gc.collect()
gc.freeze()
