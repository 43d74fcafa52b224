"""Names of transients: which names are allowed, and the column in which they are compared."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from django.db import models

from classifier.names import KEY_LENGTH, name_key

# A name is one segment of an address, so it cannot hold "/".
validate_transient_name = RegexValidator(
    r"^[^/\x00-\x1f\x7f]+$", "A transient's name may not hold “/” or control characters.", code="bad_name"
)


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
