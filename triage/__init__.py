"""The triage desk: Django project and application."""

from triage.celery import app as celery_app

__all__ = ["celery_app"]
