"""Full disks: a warning on every page while the desk's disk is nearly full, and an error for a file without room."""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import HttpRequest

from triage.errors import TriageError

log = logging.getLogger(__name__)

# SQLite and the broker need some room to finish what they have begun.
LEAST_FREE_BYTES = 50 << 20


class DiskFullError(TriageError, BadRequest):
    """The folder for files that are being received is full, missing or read-only. Nothing of the request was stored.

    It is a BadRequest, so that ``handler400`` answers it if it is raised before a view, as by the CSRF middleware.
    """

    code = "disk_full"
    status = 507


class UploadHandler(TemporaryFileUploadHandler):
    """Receives a file in the folder for temporary files. Raises DiskFullError if the file cannot be written there."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        with self._room():
            super().new_file(*args, **kwargs)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        with self._room():
            super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> Any:
        with self._room():
            return super().file_complete(file_size)

    @contextlib.contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # Closing writes what is still in memory, and so fails again.
            with contextlib.suppress(AttributeError, OSError):
                self.file.close()
            folder = settings.FILE_UPLOAD_TEMP_DIR or tempfile.tempdir
            log.error("a file could not be received in the temporary folder %s: %s", folder, error)
            detail = "the server has no room to receive the file, so nothing was stored; send it again later"
            raise DiskFullError(detail) from error


def disk_notice(request: HttpRequest) -> dict[str, bool]:
    """Tell templates whether the disk of var/ is nearly full."""
    try:
        return {"disk_full": shutil.disk_usage(settings.VAR).free < LEAST_FREE_BYTES}
    except OSError:
        return {"disk_full": True}
