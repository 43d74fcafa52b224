"""Errors that a SkyPortal server may answer with instead of data."""

from __future__ import annotations


class SkyPortalError(Exception):
    """Base of the errors below. The detail is for people."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class UnreachableError(SkyPortalError):
    """Several attempts brought no usable answer; a later one may."""


class SlowAnswerError(UnreachableError):
    """The server took the request and did not answer in time; a smaller one may be answered."""


class OutcomeUnknownError(UnreachableError):
    """A write was sent and no answer came, so it may have been carried out; the next attempt looks first."""


class UnauthorisedError(SkyPortalError):
    """Status 401: the token is wrong or lacks a permission."""


class NotVisibleError(SkyPortalError):
    """Status 403 or 404: the record does not exist, or the token may not see it."""


class RefusedError(SkyPortalError):
    """Status 400 and similar: the server understood the request and refused it."""
