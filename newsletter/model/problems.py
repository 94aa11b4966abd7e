"""What is wrong in what an admin wrote."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in what an admin wrote: where, what, and what to do. Lines and columns count from 1; 0: none."""

    file: str
    line: int
    column: int
    message: str
    advice: str = ""
    severity: str = "error"  # or "warning"

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}"
            if self.column:
                place += f":{self.column}"
        return f"{place}: {self.message}" + (f" — {self.advice}" if self.advice else "")
