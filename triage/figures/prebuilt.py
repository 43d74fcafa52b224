"""Prebuilt figures: a Bokeh figure as JSON text with gaps to fill.

Bokeh takes about 100 ms to build and serialise a figure, mostly for parts that never change. So each process builds a
figure once, and fills the parts that change from spectrum to spectrum into its JSON, by their names.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.embed import json_item

# Values by the name of a part of the figure and the name of its property.
Content = Mapping[str, Mapping[str, Any]]

_MARK = re.compile(r'"@@([^@]+)@@"')


class Shape:
    """A figure whose named parts can be filled."""

    def __init__(self, figure: Any, parts: Mapping[str, tuple[str, ...]]) -> None:
        """Serialise a figure.

        parts: properties that each filling gives, by the name of the part.

        Raises ValueError if the figure has no part of such a name.
        """
        item = json_item(figure)
        found = {name for name in parts if _mark(item, name, parts[name])}
        if found != set(parts):
            raise ValueError(f"the figure has no part named {', '.join(sorted(set(parts) - found))}")
        self._pieces = _MARK.split(json.dumps(item))

    def fill(self, content: Content) -> str:
        """Return the figure as JSON, as ``Bokeh.embed.embed_item`` takes it.

        Raises KeyError if a part is missing in ``content``.
        """
        pieces = list(self._pieces)
        for place in range(1, len(pieces), 2):
            name, prop = pieces[place].rsplit(".", 1)
            value = content[name][prop]
            pieces[place] = json.dumps(_map(value) if prop == "data" else value)
        return "".join(pieces)


def _mark(tree: Any, name: str, properties: tuple[str, ...]) -> bool:
    """Put marks in place of the properties of the part with this name; return whether there is such a part."""
    if isinstance(tree, list | tuple):
        return any([_mark(branch, name, properties) for branch in tree])
    if not isinstance(tree, dict):
        return False
    attributes = tree.get("attributes")
    if isinstance(attributes, dict) and attributes.get("name") == name:
        attributes.update({prop: f"@@{name}.{prop}@@" for prop in properties})
        return True
    return any([_mark(branch, name, properties) for branch in tree.values()])


def _map(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a data source as Bokeh's serialiser writes them."""
    return {"type": "map", "entries": [[name, _column(values)] for name, values in columns.items()]}


def _column(values: Any) -> Any:
    """Return an (n,) array as compressed float32, or a list as it is."""
    if not isinstance(values, np.ndarray):
        return values
    content = base64.b64encode(gzip.compress(values.astype("<f4").tobytes(), compresslevel=1, mtime=0)).decode()
    array = {"type": "bytes", "data": content}
    return {"type": "ndarray", "array": array, "shape": [values.size], "dtype": "float32", "order": "little"}
