"""The embedded broker: one file a message, in a folder that the web server and the workers share.

Kombu's own transport creates the file that readers look for and then writes into it. So a reader may find half a
message, which ends its worker. Here a message appears whole, and one that a full disk cut short is thrown away: a
message is a doorbell, and the database knows the work.
"""

from __future__ import annotations

import logging
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

log = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """Writes and reads the messages of one connection."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Store a message. Raises ChannelError if the folder takes none."""
        # Messages are delivered in the order of their names.
        whole = Path(self.data_folder_out) / f"{time.time_ns()}_{uuid.uuid4()}.{queue}.msg"
        unfinished = whole.with_suffix(".part")
        try:
            unfinished.write_text(dumps(payload))  # type: ignore[no-untyped-call]
            unfinished.replace(whole)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise ChannelError(f"the broker's folder takes no message: {error}") from error

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Take the oldest message of a queue. Raises Empty if there is none."""
        for message in sorted(Path(self.data_folder_in).iterdir()):
            if message.name.partition(".")[2] != f"{queue}.msg":
                continue
            try:
                content = message.read_text()
                message.unlink()
            except FileNotFoundError:
                # Another worker took it.
                continue
            try:
                return loads(content)  # type: ignore[no-untyped-call]
            except ValueError:
                log.warning("the message %s is broken and was thrown away", message.name)
        raise Empty


class Transport(filesystem.Transport):
    """Kombu's transport for files, with messages that appear whole."""

    Channel = Channel
