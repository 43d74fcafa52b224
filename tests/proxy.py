"""The proxy of compose.yaml, as the Caddy that is installed here understands it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.desk import ROOT


def command_of_proxy(folder: Path) -> list[str]:
    """Write the proxy's rules into a folder, and return the command that runs it."""
    rules = (ROOT / "docker" / "Caddyfile").read_text()
    version = subprocess.run(["caddy", "version"], capture_output=True, text=True, check=True).stdout
    if version.strip("v").startswith("2.6"):
        # Debian's Caddy has an older name for the buffer.
        rules = rules.replace("request_buffers 64MB", "buffer_requests\n max_buffer_size 64MB")
    config = folder / "Caddyfile"
    config.write_text(rules)
    return ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]
