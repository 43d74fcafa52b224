"""Limits on what one file may cost to read."""

from __future__ import annotations

MAX_BYTES = 64 << 20
# FITS files on disk may be larger, because they are read piece by piece.
MAX_MAPPED_BYTES = 4 << 30
MAX_UNPACKED = 96 << 20
# Unpacking one gzip member copies the rest of the file, so many small members would be slow.
MAX_GZIP_MEMBERS = 16
MAX_ROWS = 500_000
# A nested list costs far more memory than its text, and a text table costs several times its size.
MAX_JSON_BYTES = 12 << 20
# Each new list makes Python's garbage collector scan everything again, so very many lists are slow to parse.
MAX_JSON_LISTS = MAX_ROWS + 50_000
MAX_TEXT_BYTES = 48 << 20
MAX_VOTABLE_BYTES = 3 << 20
MAX_LINE = 20_000
MAX_COLUMNS = 32
MAX_UNEVEN_CELLS = 2_000_000
MAX_HEADER_LINES = 5_000
# Spectra in one file.
MAX_PARTS = 1_000
MAX_ARCHIVE_MEMBERS = 1_000
MAX_ARCHIVE_UNPACKED = 64 << 20
MAX_ARCHIVE_INDEX = 1 << 20
# The time is estimated and not measured, so that the same archive is accepted or refused on every machine.
MAX_ARCHIVE_SECONDS = 3.0
