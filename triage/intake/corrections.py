"""Corrections of how a file is to be read, as pages and the API send them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from classifier.errors import SpectrumError
from classifier.readers import Corrections
from triage.errors import InvalidUploadError


def make_corrections(given: Mapping[str, Any]) -> Corrections:
    """Return the reader's corrections from names and values. Raises InvalidUploadError for an unknown one."""
    try:
        return Corrections(**given)
    except TypeError:
        names = ", ".join(field.name for field in dataclasses.fields(Corrections))
        raise InvalidUploadError(f"corrections may hold {names}") from None
    except SpectrumError as error:
        raise InvalidUploadError(error.message) from error
