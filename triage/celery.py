"""The Celery application; its settings are the CELERY_ ones of triage.settings."""

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "triage.settings")

TRANSPORT_ALIASES["filesystem"] = "triage.operations.broker:Transport"

app = Celery("triage")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
