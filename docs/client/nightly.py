"""Example of a nightly script: send a folder of spectra, print the predictions, and keep a table of what is vetted.

    TRIAGE_URL=http://localhost:8000 TRIAGE_TOKEN=… python nightly.py FOLDER vetted.json

It can be run as often as you like: nothing is sent twice, and the table takes in only what has changed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from spectrum_triage import Desk, Row


def send(desk: Desk, folder: Path) -> None:
    """Upload every file of a folder and print its prediction. The desk recognises a file that it was sent before."""
    stored = []
    for row in desk.upload_all(sorted(path for path in folder.iterdir() if path.is_file())):
        if row["status"] in {200, 202}:
            stored.append(row)
        else:
            print(f"{row['file']}: {row['detail']}")
    for row in stored:
        spectrum = desk.wait(row["id"])
        prediction = spectrum["prediction"]
        if prediction is None:
            print(f"{row['file']}: {spectrum['error']['message']}")
        else:
            print(f"{row['file']}: {prediction['class_name']} ({prediction['probability']:.0%})")


def follow(desk: Desk, table: Path) -> None:
    """Bring a table of vetted classifications up to date.

    table: JSON file with {"since": cursor for the next time, "rows": {id of a decision: its row}}.
    """
    known: Row = json.loads(table.read_text()) if table.exists() else {"since": "c0", "rows": {}}
    rows: dict[str, Row] = known["rows"]
    changes = desk.changes(known["since"])
    for row in changes.rows:
        if row["withdrawn"]:
            rows.pop(str(row["id"]), None)
        else:
            rows[str(row["id"])] = row
    table.write_text(json.dumps({"since": changes.since, "rows": rows}, indent=1))
    print(f"{len(changes.rows)} changes; {len(rows)} classifications stand")


if __name__ == "__main__":
    the_desk = Desk(os.environ["TRIAGE_URL"], os.environ["TRIAGE_TOKEN"])
    send(the_desk, Path(sys.argv[1]))
    follow(the_desk, Path(sys.argv[2]))
