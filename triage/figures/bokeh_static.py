"""Static files of BokehJS, from the installed Python package, so that both have the same version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bokeh.util.paths import static_path
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

FILES = ("bokeh.min.js",)


class BokehFinder(BaseFinder):
    """Finder of ``bokeh/bokeh.min.js``, the core bundle. The pages use neither Bokeh's widgets nor its tables."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.storage = FileSystemStorage(location=str(static_path() / "js"))
        self.storage.prefix = "bokeh"  # type: ignore[attr-defined]

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        folder, _, name = path.partition("/")
        found = self.storage.path(name) if folder == "bokeh" and name in FILES else None
        return ([found] if found else []) if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[Any]:
        return ((name, self.storage) for name in FILES)
