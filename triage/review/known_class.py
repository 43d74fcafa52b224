"""A class that a person or a script names, under any of its spellings."""

from __future__ import annotations

import difflib

from classifier.taxonomy import load_taxonomy
from triage.errors import UnknownClassError


def known_class(text: str) -> str:
    """Return the taxonomy's name of a class.

    text: its name or another spelling.

    Raises UnknownClassError, which suggests names alike or else lists all, if the taxonomy has no such class.
    """
    taxonomy = load_taxonomy()
    if found := taxonomy.find(text):
        return found.name
    names = {name.casefold(): name for name in taxonomy.names}
    near = difflib.get_close_matches(text[:60].casefold(), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(names[key] for key in near)}?" if near else f"it has {', '.join(names.values())}"
    raise UnknownClassError(f"“{text[:60]}” is not a class of the taxonomy; {hint}")
