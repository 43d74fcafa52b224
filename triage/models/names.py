"""Names of transients: which names are allowed, and the column in which they are compared."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from classifier.names import KEY_LENGTH, name_key

_FORBIDDEN = re.compile(r"[/\x00-\x1f\x7f]")
# Any character but blanks, fillers and those without a width (Unicode's Default_Ignorable_Code_Point).
_VISIBLE = re.compile(
    r"[^\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)


def validate_transient_name(name: str) -> None:
    """Raise ValidationError unless a transient may have this name.

    A name is one segment of an address, so it cannot hold "/", and not be "." or "..".
    """
    if _FORBIDDEN.search(name):
        raise ValidationError("A transient's name may not hold “/” or control characters.", code="bad_name")
    if name in {".", ".."}:
        raise ValidationError("A transient's name may not be “.” or “..”.", code="bad_name")
    if not _VISIBLE.search(name):
        raise ValidationError("A transient's name needs a character that can be seen.", code="bad_name")


class NameKeyField(models.CharField):  # type: ignore[type-arg]
    """Column for the key of a record's ``name``, which fills itself whenever the record is saved."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Processes of the release before this column write records without it.
        super().__init__(*args, **{"max_length": KEY_LENGTH, "editable": False, "db_default": "", **kwargs})

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """Return the key of the record's name, and store it with the record."""
        key = name_key(model_instance.name)  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, key)
        return key
