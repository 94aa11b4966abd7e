import io
import json
import sys
from datetime import date, datetime, time, timedelta, timezone

import pytest

from newsletter.cli import output
from newsletter.errors import NewsletterError
from newsletter.model import Health
from tests.support.samples import NOW, make_draft

COLUMNS = ("NAME", "STATE")


class Terminal:
    """Standard output as a terminal of 40 columns sees it."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Have nothing to do."""

    def isatty(self) -> bool:
        return True


def terminal_of(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make standard output a terminal from here on; pytest would undo it if a fixture did so."""
    found = Terminal()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", found)
    return found


def test_json_holds_utc_times_and_plain_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    moment = datetime(2026, 1, 31, 8, 0, tzinfo=timezone(timedelta(hours=2)))
    output.print_json(
        {"at": moment, "on": date(2026, 1, 31), "time": time(7, 5), "who": make_draft().address, "x": "é"}
    )
    assert json.loads(capsys.readouterr().out) == {
        "at": "2026-01-31T06:00:00Z",
        "on": "2026-01-31",
        "time": "07:05",
        "who": "reader@example.org",
        "x": "é",
    }


def test_what_has_no_form_in_json_is_a_bug_and_not_a_guess() -> None:
    with pytest.raises(TypeError, match="object has no form"):
        output.print_json({"x": object()})


def test_a_table_in_a_pipe_is_a_line_per_row(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(COLUMNS, [("arxiv", Health.FRESH), ("a\tb\x1b[31m\nc", None)])
    assert capsys.readouterr().out == "NAME\tSTATE\narxiv\tfresh\na b[31m c\n"


def test_a_table_on_a_terminal_keeps_to_its_width_and_lets_no_escape_through(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    output.print_table(
        COLUMNS, [("a title that is much longer than the terminal is wide \x1b[2J", "broken")], wide="NAME"
    )
    assert "\x1b[31mbroken" in terminal.text
    assert "\x1b[2J" not in terminal.text
    assert "terminal" in terminal.text


def test_fields_without_a_value_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    output.print_fields([("zone", "UTC"), ("reason", ""), ("until", None), ("failures", 0)])
    assert "zone" in terminal.text
    assert "reason" not in terminal.text
    assert "failures" in terminal.text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (NOW, "2026-11-24 06:00 UTC"),
        (time(7), "07:00"),
        (1.50, "1.5"),
        (100.0, "100"),
        (("a", "b"), "a, b"),
        ("a\x00\n b", "a b"),
    ],
)
def test_values_are_shown_as_people_read_them(value: object, shown: str) -> None:
    assert output.show(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "now"), (-59, "now"), (7200, "2 h ago"), (-1200, "in 20 min"), (3 * 86400, "3 d ago")]
)
def test_times_are_shown_by_their_distance(seconds: int, shown: str) -> None:
    assert output.since(NOW - timedelta(seconds=seconds), NOW) == shown
    assert output.since(None, NOW) == ""


@pytest.mark.parametrize(
    ("typed", "said"), [("", "repeat it with --yes"), ("\n", "^nothing was changed$"), ("no\n", "^nothing")]
)
def test_only_a_yes_is_a_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, said: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    with pytest.raises(NewsletterError, match=said):
        output.confirm("Sure?", yes=False)
    streams = capsys.readouterr()
    assert (streams.out, streams.err.strip()) == ("", "Sure? [y/N]")


def test_a_yes_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Y\n"))
    output.confirm("Sure?", yes=False)
    output.confirm("Nobody is asked", yes=True)
    assert sys.stdin.read() == ""


def test_counts_agree_with_their_nouns() -> None:
    assert [output.plural(count, "paper") for count in (0, 1, 1000)] == ["0 papers", "1 paper", "1,000 papers"]
