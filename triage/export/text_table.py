"""Tables as aligned plain text."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """Return the lines of a table whose columns are two blanks apart.

    header: title of each column.
    rows: the cells of each row, one for each column.
    indent: what each line begins with.
    """
    widths = [max(len(cells[i]) for cells in (header, *rows)) for i in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) for cells in (header, *rows)
    ]
    return [f"{indent}{line}".rstrip() for line in lines]
