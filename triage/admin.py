"""Django's admin: it shows all records and manages users and groups. It cannot edit predictions or decisions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.http import HttpRequest

from triage.models import ApiToken, Checkpoint, Decision, GroupSettings, Prediction, Spectrum, Transient


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Admin pages that list and show records and change nothing."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Transient)
class TransientAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "ra", "dec", "redshift", "redshift_origin", "simulated")
    search_fields = ("name",)


@admin.register(GroupSettings)
class GroupSettingsAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("group", "private_by_default", "own_library")
    list_filter = ("private_by_default", "own_library")
    filter_horizontal = ("managers",)
    readonly_fields = ("person",)


@admin.register(Spectrum)
class SpectrumAdmin(ReadOnlyAdmin):
    list_display = ("filename", "transient", "group", "state", "failure_code", "created_at")
    list_filter = ("state", "group")
    search_fields = ("filename", "sha256")


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    list_display = ("spectrum", "class_name", "uncertainty", "checkpoint", "created_at")


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ("transient", "verdict", "class_name", "reviewer", "group", "created_at")
    list_filter = ("verdict",)


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    list_display = ("name", "hash", "current", "promoted_at")


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """Acts of administration: those done in the admin, and those that triage.accounts.audit notes."""

    list_display = ("action_time", "user", "change_message", "object_repr", "content_type")
    list_filter = ("content_type",)
    list_select_related = ("user", "content_type")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ("label", "user", "key_start", "created_at", "last_used_at", "revoked_at")
    exclude = ("key_hash",)
