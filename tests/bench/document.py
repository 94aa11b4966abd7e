"""The figures in documents: a table per measurement, between two comments that name it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.bench.table import HEADINGS, Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def write(page: Path, tables: Mapping[str, Sequence[Row]], machine: str, *, is_part: bool = False) -> None:
    """Put the tables, and the machine they are of, in place of the ones before; what was not measured stays.

    When only a part was measured, that is said below each table of it.
    """
    text = page.read_text("utf-8")
    if not is_part:
        text = replaced(text, "machine", machine + "\n")
    for name, rows in tables.items():
        text = replaced(text, name, as_markdown(rows) + (f"\nMeasured by itself: {machine}\n" if is_part else ""))
    page.write_text(text, "utf-8")


def as_markdown(rows: Sequence[Row]) -> str:
    """Return a Markdown table."""
    lines = [HEADINGS, ("---", *["---:"] * (len(HEADINGS) - 1)), *(row.cells() for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def replaced(text: str, name: str, content: str) -> str:
    """Return a page's text with what stands between the two comments of this name replaced."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    found, count = re.subn(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", lambda _: content, text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"the page has no place for {name}: {begin.strip()} … {end}")
    return found
