"""Fixtures for the tests of SkyPortal."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def always_quick(quick_skyportal: None) -> None:
    """Let every test here, also one that starts a server of its own, run without waiting."""
