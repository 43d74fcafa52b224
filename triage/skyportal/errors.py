"""What a SkyPortal server may answer instead of data."""

from __future__ import annotations


class SkyPortalError(Exception):
    """Base of the errors below; the text is for people."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class UnreachableError(SkyPortalError):
    """No sensible answer after several attempts; it may work later."""


class OutcomeUnknownError(UnreachableError):
    """A write was sent and no answer came: it may have been carried out."""


class UnauthorisedError(SkyPortalError):
    """401: the token is wrong, or lacks a permission."""


class NotVisibleError(SkyPortalError):
    """403 or 404: it does not exist, or the token may not see it."""


class RefusedError(SkyPortalError):
    """400 and the like: the server understood and said no."""
