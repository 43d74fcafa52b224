"""Answers of the Transient Name Server (TNS) about transients."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q


class TnsRecord(models.Model):
    """Answer of the live TNS about one transient. Each new answer replaces it.

    transient: the transient.
    name: designation without its prefix, such as "2026abc", or "" if the TNS does not know the transient.
    prefix: "SN", "AT" or another prefix of the designation, or "".
    class_name: object type by the TNS's name, such as "SN Ia", or "" if it is not classified.
    redshift: redshift at the TNS, or None.
    spectra: public spectra there: for each, its address and what is known of it, as ``triage.services.tns.lookup``
        keeps them.
    asked_at: when the TNS answered.
    next_ask_at: when the TNS is asked again.
    import_for: user who wants the public spectra, until they are imported; else None.
    problem: why the last question or import failed, in words, or "".
    """

    transient = models.OneToOneField("triage.Transient", on_delete=models.CASCADE, related_name="tns_record")
    name = models.CharField(max_length=40, blank=True)
    prefix = models.CharField(max_length=10, blank=True)
    class_name = models.CharField(max_length=60, blank=True)
    redshift = models.FloatField(null=True, blank=True)
    spectra = models.JSONField(default=list)
    asked_at = models.DateTimeField()
    next_ask_at = models.DateTimeField(db_index=True)
    import_for = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    problem = models.TextField(blank=True)

    class Meta:
        indexes = (
            models.Index(fields=("class_name", "transient"), name="tns_record_class"),
            models.Index(fields=("import_for",), name="tns_import", condition=Q(import_for__isnull=False)),
        )

    def __str__(self) -> str:
        return f"{self.prefix} {self.name}".strip() or "not on the TNS"

    @property
    def summary(self) -> str:
        """The answer in words; "" if the TNS does not know the transient."""
        if not self.name:
            return ""
        if not self.class_name:
            return f"{self} on the TNS, not classified"
        first: dict[str, Any] = self.spectra[0] if self.spectra else {}
        by = f" by {first['by']}" if first.get("by") else ""
        on = f" on {first['observed_at'][:10]}" if first.get("observed_at") else ""
        return f"classified on the TNS as {self.class_name}{by}{on}"
