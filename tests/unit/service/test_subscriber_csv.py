import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.keyword import validate_keyword
from newsletter.errors import ConfigurationError
from newsletter.model import Frequency, Keyword, Subscriber, SubscriberDraft, Weekday
from newsletter.service.drafts import COLUMNS, Vocabulary, words_of
from newsletter.service.subscriber_csv import (
    LONGEST_LINE,
    guard_cell,
    inspect_csv,
    read_rows,
    unguard_cell,
    write_csv,
)
from newsletter.service.subscribers import Row
from tests.support.samples import make_draft, make_subscriber

KNOWN = Vocabulary(frozenset({"vision", "diffusion", "language-models"}))


def rows_of(path: Path, content: str | bytes) -> list[Row]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_rows(inspect_csv(path), KNOWN))


def drafts_of(rows: list[Row]) -> list[SubscriberDraft]:
    return [row.draft for row in rows if row.draft is not None]


def problems_of(path: Path, content: str | bytes) -> list[str]:
    return [str(problem).replace(f"{path}:", "") for row in rows_of(path, content) for problem in row.problems]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


@pytest.mark.parametrize(
    "content",
    [
        "address,zone,profiles\nada@example.org,Europe/Berlin,vision;diffusion\n",
        "profiles,address,zone\r\nvision;diffusion,ada@example.org,Europe/Berlin\r\n",
        "\ufeffaddress,zone,profiles\nada@example.org,Europe/Berlin,vision;diffusion",
        'address;zone;profiles\nada@example.org;Europe/Berlin;"vision;diffusion"\n',
        "Address\tZone\tProfiles\nada@example.org\tEurope/Berlin\tvision; diffusion\n",
        "sep=,\naddress,zone,profiles\nada@example.org,Europe/Berlin,vision;diffusion\n",
        "\n\naddress,zone,profiles,,\n\n ada@example.org , Europe/Berlin ,vision;diffusion,,\n,,,,\n",
        "address,zone,profiles\rada@example.org,Europe/Berlin,vision;diffusion\r",
        "address,zone,profiles\nada@example.org,Europe/Berlin,vision;diffusion\n".encode("utf-16"),
    ],
)
def test_what_people_and_spreadsheets_write_is_read(path: Path, content: str | bytes) -> None:
    [draft] = drafts_of(rows_of(path, content))
    assert (draft.address.text, draft.zone, draft.profiles) == (
        "ada@example.org",
        "Europe/Berlin",
        ("vision", "diffusion"),
    )


def test_latin_1_is_read_where_the_file_is_not_utf_8(path: Path) -> None:
    [draft] = drafts_of(rows_of(path, "address,keywords\nada@bücher.example,Schrödinger\n".encode("latin-1")))
    assert draft.address.wire == "ada@xn--bcher-kva.example"
    assert draft.keywords == (Keyword("Schrödinger"),)


def test_lines_are_counted_as_an_editor_counts_them(path: Path) -> None:
    rows = rows_of(path, "\naddress\nada@example.org\n\nbob@example.org\n")
    assert [row.line for row in rows] == [3, 5]


def test_every_bad_line_is_told_and_good_ones_survive(path: Path) -> None:
    content = (
        "address,zone,send_at\n"
        "ada@example.org,Europe/London,07:00\n"
        "not an address,Europe/Londn,7\n"
        'bob@example.org,"Europe/London,07:00\n'
        "eve@example.org,Europe/London,07:00,more\n"
        "joe@example.org\n"
    )
    assert [draft.address.text for draft in drafts_of(rows_of(path, content))] == ["ada@example.org", "joe@example.org"]
    problems = problems_of(path, content)
    assert [problem.split(":")[0] for problem in problems] == ["3", "3", "3", "4", "5"]
    assert "did you mean “Europe/London”?" in problems[1]
    assert "a quotation mark is not closed" in problems[3]
    assert "4 cells, and the header has 3 columns" in problems[4]


def test_a_line_without_end_spoils_only_itself(path: Path) -> None:
    content = f"address\n{'x' * (3 * LONGEST_LINE)}\nada@example.org\n{'y' * LONGEST_LINE}"
    assert [draft.address.text for draft in drafts_of(rows_of(path, content))] == ["ada@example.org"]
    assert [problem.split(":")[0] for problem in problems_of(path, content)] == ["2", "4"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("email,zone\n", "people.csv:1: unknown column “email” — did you mean “address”?"),
        ("address,zome\n", "people.csv:1: unknown column “zome” — did you mean “zone”?"),
        ("address,favourite_colour\n", "the columns are address, zone"),
        ("address,zone,zone\n", "the column “zone” is there twice"),
        ("zone,profiles\n", "there is no column “address”"),
        (b"PK\x03\x04workbook", "is a workbook, not a CSV file"),
        ("x" * (LONGEST_LINE + 1), "too long for a header"),
    ],
)
def test_a_header_that_is_none_is_refused_with_what_to_do(path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        rows_of(path, content)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        inspect_csv(tmp_path / name)


@given(st.text("'=+-@\t\rab1", max_size=6))
def test_no_cell_is_run_by_a_spreadsheet_and_every_cell_is_read_back(text: str) -> None:
    guarded = guard_cell(text)
    assert not guarded.startswith(tuple("=+-@\t\r"))
    assert unguard_cell(guarded) == text


def test_formulas_written_by_hand_do_no_harm_and_stay_what_they_are(path: Path) -> None:
    rows = rows_of(path, "address,keywords\n=cmd@example.org,=1+1\n'+plus@example.org,'=1+1\n")
    assert [draft.address.text for draft in drafts_of(rows)] == ["=cmd@example.org", "+plus@example.org"]
    assert [draft.keywords for draft in drafts_of(rows)] == [(Keyword("=1+1"),)] * 2


WORDS = (
    st.text('ab ;,"=+-@\\^:é', min_size=1, max_size=8)
    .map(str.strip)
    .filter(lambda text: validate_keyword(text) is None)
)
PEOPLE = st.builds(
    make_subscriber,
    st.integers(1, 10**6),
    address=st.sampled_from(["ada@example.org", "+x@example.org", "=a@bücher.example", "o'b@example.org"]).map(
        lambda text: make_draft(text).address
    ),
    zone=st.sampled_from(["UTC", "Europe/Berlin"]),
    frequency=st.sampled_from(Frequency),
    weekday=st.sampled_from(Weekday),
    profiles=st.lists(st.sampled_from(sorted(KNOWN.profiles)), unique=True).map(tuple),
    keywords=st.lists(st.builds(Keyword, WORDS, st.sampled_from([1.0, 2.5])), max_size=3, unique=True).map(tuple),
)


@given(st.lists(PEOPLE, max_size=4))
def test_what_is_exported_is_imported_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, people: list[Subscriber]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        assert write_csv(stream, people) == len(people)
    rows = list(read_rows(inspect_csv(path), KNOWN))
    assert [words_of(row.draft) for row in rows if row.draft] == [words_of(person) for person in people]
    assert not any(row.problems for row in rows)


def test_pages_are_written_under_one_header() -> None:
    stream = io.StringIO()
    write_csv(stream, [make_subscriber(1)])
    write_csv(stream, [make_subscriber(2)], header=False)
    lines = list(csv.reader(io.StringIO(stream.getvalue())))
    assert tuple(lines[0]) == COLUMNS
    assert [line[0] for line in lines[1:]] == ["reader1@example.org", "reader2@example.org"]
