"""Uploads: files that a user sent together on the upload page, and what came of each."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery

from triage.models.audience import User, shared_with
from triage.models.spectrum import SpectrumState

# Code of an entry that is no file: it says what of a manifest and its files does not match.
ROWS_WITHOUT_FILE = "rows_without_file"


def _taken(user: User, path: str = "") -> Q:
    """Return the condition that an entry's file gave a spectrum, and the user may see it.

    path: lookup prefix of the entry.
    """
    stored = Q(**{f"{path}spectrum__isnull": False}) & ~Q(**{f"{path}spectrum__state": SpectrumState.QUARANTINED})
    return stored & shared_with(user, f"{path}spectrum__")


def _refused(user: User, path: str = "") -> Q:
    """Return the condition that an entry's file gave no spectrum, as far as the user may know.

    path: lookup prefix of the entry.
    """
    not_stored = Q(**{f"{path}spectrum__isnull": True}) & ~Q(**{f"{path}code": ROWS_WITHOUT_FILE})
    unread = Q(**{f"{path}spectrum__state": SpectrumState.QUARANTINED})
    return not_stored | (unread & shared_with(user, f"{path}spectrum__"))


class UploadQuerySet(models.QuerySet["Upload"]):
    """Uploads."""

    def arrived(self, user: User) -> Self:
        """Return the user's uploads of which a file arrived, with their sizes.

        taken, refused: numbers of entries with a spectrum and without one. A spectrum that the user may not see any
            more counts as neither.
        entries_of_files: number of all entries but the remark.
        first_file: name of the first file.
        """
        files = UploadEntry.objects.filter(upload=OuterRef("pk")).exclude(code=ROWS_WITHOUT_FILE)
        first = files.order_by("pk").values("filename")[:1]
        of_files = ~Q(entries__code=ROWS_WITHOUT_FILE)
        filters = {
            "refused": _refused(user, "entries__"),
            "taken": _taken(user, "entries__"),
            "entries_of_files": of_files,
        }
        sizes = {name: Count("entries", filter=condition) for name, condition in filters.items()}
        return self.filter(user=user.pk).annotate(**sizes, first_file=Subquery(first)).filter(first_file__isnull=False)


class Upload(models.Model):
    """Files that one user sent together. Nobody else sees it.

    user: the user.
    created_at: when it began.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads", db_index=False)
    created_at = models.DateTimeField(auto_now_add=True)

    # Annotations of UploadQuerySet.arrived.
    taken: int
    refused: int
    entries_of_files: int
    first_file: str

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("user", "-id"), name="upload_of_user"),)

    def __str__(self) -> str:
        return f"upload {self.pk}"

    @property
    def others(self) -> int:
        """Return the number of entries after the first one."""
        return self.entries_of_files - 1


class UploadEntryQuerySet(models.QuerySet["UploadEntry"]):
    """Entries of uploads."""

    def of_upload(self, user: User, upload_id: int) -> Self:
        """Return the entries of an upload of the user's whose spectra they may see; none of somebody else's upload."""
        return self.filter(shared_with(user, "spectrum__"), upload=upload_id, upload__user=user.pk)

    def place_of(self, transient: models.Model) -> int | None:
        """Return the id of the first entry of a transient, or None without one."""
        return self.filter(spectrum__transient=transient.pk).order_by("pk").values_list("pk", flat=True).first()

    def refused_first(self, user: User) -> Self:
        """Order by upload: remarks, files without a spectrum, spectra that could not be classified, then the others.

        Spectra that the user may not see any more are among the others.
        """
        failed = models.When(shared_with(user, "spectrum__"), spectrum__state=SpectrumState.FAILED, then=1)
        remark = models.When(code=ROWS_WITHOUT_FILE, then=0)
        refused = models.When(_refused(user), then=0)
        place = models.Case(remark, refused, failed, default=2, output_field=models.IntegerField())
        return self.order_by(place, "pk")

    def counted(self, user: User) -> dict[str, int]:
        """Return the number of entries that were taken, refused, queued, classified, failed and unnamed.

        A spectrum that the user may not see any more counts as none of these.
        """
        taken = _taken(user)
        states = (SpectrumState.QUEUED, SpectrumState.CLASSIFIED, SpectrumState.FAILED)
        counts = {state.value: Count("pk", filter=taken & Q(spectrum__state=state)) for state in states}
        counts |= {"taken": Count("pk", filter=taken), "refused": Count("pk", filter=_refused(user))}
        unnamed = taken & Q(spectrum__transient__isnull=True)
        return self.aggregate(**counts, unnamed=Count("pk", filter=unnamed))


class UploadEntry(models.Model):
    """One spectrum of an upload, one file of it that gave none, or a remark on its manifest.

    upload: the upload.
    filename: name of the file.
    spectrum: the record; None if nothing was stored.
    known: the file had been sent before.
    code, detail: why nothing was stored, else ""; ROWS_WITHOUT_FILE and the remark.
    notes: what became of the facts that were sent with a known file.
    differences: facts that were sent and differed from the record of a known file: recorded and sent value by name.
    """

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="entries")
    filename = models.CharField(max_length=255)
    spectrum = models.ForeignKey(
        "triage.Spectrum", on_delete=models.CASCADE, null=True, blank=True, related_name="upload_entries"
    )
    known = models.BooleanField(default=False)
    code = models.CharField(max_length=60, blank=True)
    detail = models.TextField(blank=True)
    notes = models.JSONField(default=list, blank=True)
    differences = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)

    objects = UploadEntryQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "upload entries"

    def __str__(self) -> str:
        return self.filename
