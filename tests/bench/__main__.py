"""All benchmarks in one go: ``python -m tests.bench [--json] [--quick] [--write] [--only NAME]``, or ``make bench``.

Each runs in a process of its own, so that none warms or fills another's memory. Exits with 1 when a target is missed or
a benchmark fails; what needs a program that is not installed is left out, and said so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench import document, table
from tests.bench.bench_pages import missing_programs as missing_servers
from tests.bench.bench_send import missing_programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
SENTENCES = ROOT.parent / "shared" / "data" / "relevance" / "sentences.jsonl"


@dataclass(frozen=True, slots=True)
class Bench:
    """A module of this package, and what it is told; ``needs`` says what is missing for it, if anything."""

    module: str
    rows: Callable[[Any], Iterable[table.Row]]
    full: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    needs: Callable[[], str] = str


BENCHES = (
    Bench("bench_match", table.match_rows),
    Bench("bench_render", table.render_rows, quick=("--rounds", "50")),
    Bench("bench_collect", table.collect_rows, quick=("--entries", "500", "--papers", "1000")),
    Bench("bench_search", table.search_rows, quick=("--quick",)),
    Bench("bench_pages", table.pages_rows, quick=("--seconds", "1"), needs=missing_servers),
    Bench("bench_admin", table.admin_rows, quick=("--people", "20", "--papers", "200")),
    Bench("bench_plan", table.plan_rows, quick=("--subscribers", "1000")),
    Bench("bench_send", table.send_rows, quick=("--messages", "500"), needs=missing_programs),
    Bench(
        "bench_claim",
        table.claim_rows,
        quick=("--rows", "20000", "--messages", "100", "--rounds", "1"),
        needs=missing_programs,
    ),
    Bench("bench_workers", table.worker_rows, quick=("--messages", "300", "--rounds", "1"), needs=missing_programs),
    Bench("bench_daemon", table.daemon_rows),
    Bench(
        "bench_excerpt",
        table.excerpt_rows,
        full=(str(SENTENCES),),
        quick=(str(SENTENCES),),
        needs=lambda: "" if SENTENCES.exists() else f"there is no {SENTENCES.name}",
    ),
    Bench("bench_memory", table.memory_rows, ("--messages", "100000"), ("--messages", "2000"), missing_programs),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    parser.add_argument("--quick", action="store_true", help="smaller numbers, to see that everything runs")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {PAGE.relative_to(ROOT)} as well")
    names = [bench.module for bench in BENCHES]
    parser.add_argument("--only", action="append", choices=names, help="this one (may be given several times)")
    options = parser.parse_args()
    chosen = [bench for bench in BENCHES if not options.only or bench.module in options.only]
    tables: dict[str, list[table.Row]] = {}
    figures: dict[str, Any] = {}
    is_well = True
    for number, bench in enumerate(chosen, start=1):
        _say(f"[{number}/{len(chosen)}] {bench.module} … ", end="")
        if missing := bench.needs():
            _say(f"skipped: {missing}")
            continue
        began = time.perf_counter()
        found = _run(bench, bench.quick if options.quick else bench.full)
        _say(f"{time.perf_counter() - began:.0f} s" if found is not None else "failed")
        if found is None:
            is_well = False
            continue
        figures[bench.module] = found
        tables[bench.module] = list(bench.rows(found))
    rows = [row for each in tables.values() for row in each]
    if options.write:
        document.write(PAGE, tables, f"{table.machine()}; {datetime.now(UTC):%d %B %Y}.", is_part=bool(options.only))
    if options.json:
        result = {"machine": table.machine(), "rows": [asdict(row) for row in rows], "figures": figures}
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
    else:
        sys.stdout.write(f"\n{table.machine()}\n\n{_as_text(rows)}")
    return 0 if is_well and all(row.is_met is not False for row in rows) else 1


def _run(bench: Bench, arguments: tuple[str, ...]) -> Any:
    command = [sys.executable, "-m", f"tests.bench.{bench.module}", "--json", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def _as_text(rows: list[table.Row]) -> str:
    lines = [table.HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.HEADINGS))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )


def _say(text: str, end: str = "\n") -> None:
    sys.stderr.write(text + end)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
