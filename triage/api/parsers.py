"""JSON bodies, without what no database column can hold."""

from __future__ import annotations

import io
import json
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser

from triage.errors import TooLargeError

# Most bytes of a body that holds spectra.
MOST_BYTES = 24 << 20


class StorableJSONParser(JSONParser):
    """Reads a JSON body whose texts can be stored and sent on."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        """Return the body as Python values.

        Raises ParseError if it is no JSON, is nested too deeply, or a text in it holds a NUL or half a surrogate pair.
        """
        try:
            parsed = super().parse(*args, **kwargs)
            text = json.dumps(parsed, ensure_ascii=False)
            text.encode()
        except RecursionError:
            raise ParseError("the JSON is nested too deeply") from None
        except UnicodeEncodeError:
            raise ParseError("a text holds half a surrogate pair, such as \\ud800, which is no character") from None
        if "\\u0000" in text.replace("\\\\", ""):
            raise ParseError("a text holds a NUL character")
        return parsed


class LongJSONParser(BaseParser):
    """Reads JSON bodies of up to MOST_BYTES, which is more than the desk takes elsewhere."""

    media_type = "application/json"

    def parse(self, stream: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the body as Python values. Raises TooLargeError, and ParseError as StorableJSONParser does."""
        content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise TooLargeError(f"a push of spectra may have {MOST_BYTES >> 20} MiB")
        return StorableJSONParser().parse(io.BytesIO(content), *args, **kwargs)
