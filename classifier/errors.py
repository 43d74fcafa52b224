"""Errors that carry a machine-readable code and, where a file was read, its receipt."""

from __future__ import annotations

from typing import Any


class SpectrumError(Exception):
    """A spectrum that cannot be read or used; ``code`` is stable, ``message`` is for people."""

    def __init__(self, code: str, message: str, receipt: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.receipt: dict[str, Any] = receipt or {}

    def __str__(self) -> str:
        return self.message


class CheckpointError(Exception):
    """A checkpoint that is missing, damaged or made for another taxonomy."""


class DeviceError(RuntimeError):
    """A device that was asked for and is not there."""
