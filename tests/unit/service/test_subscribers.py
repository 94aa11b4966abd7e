from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

import pytest

from newsletter.model import (
    Consent,
    Origin,
    Problem,
    Subscriber,
    SubscriberDraft,
    SubscriberStatus,
    Suppression,
    SuppressionKind,
    SuppressionReason,
)
from newsletter.service.subscribers import (
    BATCH,
    Change,
    ChangeKind,
    FieldChange,
    Importer,
    Row,
    compare,
    objection,
    review,
)
from tests.support.samples import NOW, make_draft, make_subscriber


@dataclass
class People:
    """The part of a store that an import needs."""

    known: dict[str, Subscriber] = field(default_factory=dict)
    applied: list[list[SubscriberDraft]] = field(default_factory=list)
    erasures: set[str] = field(default_factory=set)

    async def find_subscribers(self, address_keys: Collection[str]) -> dict[str, Subscriber]:
        return {key: self.known[key] for key in address_keys if key in self.known}

    async def erased(self, address_keys: Collection[str], now: datetime) -> dict[str, Suppression]:
        gone = Suppression(SuppressionKind.HASH, "hmac:0", SuppressionReason.ERASED, "", "page", now)
        return {key: gone for key in address_keys if key in self.erasures}

    async def apply_drafts(
        self, drafts: Sequence[SubscriberDraft], consent: Consent, origin: Origin, now: datetime
    ) -> tuple[int, int, int]:
        assert (consent.method, origin, now) == ("import", Origin.STORE, NOW)
        self.applied.append(list(drafts))
        added = [draft for draft in drafts if draft.address.key not in self.known]
        for draft in added:
            self.known[draft.address.key] = make_subscriber(
                len(self.known) + 1, address=draft.address, profiles=draft.profiles or ()
            )
        return len(added), len(drafts) - len(added), 0

    def as_store(self) -> Any:
        return cast("Any", self)


def known(address: str = "ada@example.org", **changes: Any) -> Subscriber:
    return make_subscriber(1, address=make_draft(address).address, **changes)


def as_is(draft: SubscriberDraft) -> SubscriberDraft:
    return draft


async def reviewed(people: People, *rows: Row) -> list[Change | Problem]:
    return [result async for result in review(people.as_store(), rows, as_is, NOW)]


async def test_whoever_was_erased_is_not_brought_back() -> None:
    people = People(erasures={"ada@example.org"})
    rows = [Row("people.csv", line, make_draft(address)) for line, address in ((2, "Ada@example.org"), (3, "b@x.org"))]
    problem, change = await reviewed(people, *rows)
    assert isinstance(problem, Problem)
    assert (problem.line, "had everything about them erased" in problem.message) == (2, True)
    assert isinstance(change, Change)
    counts = await Importer(people.as_store(), as_is, NOW).run(rows)
    assert (counts.added, len(counts.problems)) == (1, 1)


def test_only_what_a_draft_says_and_the_store_has_differently_is_a_change() -> None:
    change = compare(make_draft("ada@example.org", profiles=("vision",), zone=None), known())
    assert change.kind is ChangeKind.CHANGED
    assert change.fields == (FieldChange("profiles", "diffusion", "vision"),)


def test_a_draft_that_says_what_is_known_changes_nothing() -> None:
    assert compare(make_draft("ada@example.org"), known()).kind is ChangeKind.UNCHANGED


def test_somebody_new_is_added_with_all_that_is_said() -> None:
    change = compare(SubscriberDraft(make_draft().address, zone="UTC"), None)
    assert (change.kind, change.fields) == (ChangeKind.ADDED, (FieldChange("zone", "", "UTC"),))


@pytest.mark.parametrize("status", [SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED])
def test_a_file_does_not_bring_back_who_said_no(status: SubscriberStatus) -> None:
    person = known(status=status)
    active = make_draft("ada@example.org")
    assert "stays so" in (objection(compare(active, person), person) or ("",))[0]
    elsewhere = replace(active, status=None, zone="Asia/Tokyo")
    assert objection(compare(elsewhere, person), person) is None


def test_who_is_kept_in_a_profile_file_is_not_changed_but_may_be_named() -> None:
    person = known(origin=Origin.FILE)
    changed = compare(make_draft("ada@example.org", zone="Asia/Tokyo"), person)
    assert "kept in a profile file" in (objection(changed, person) or ("",))[0]
    assert objection(compare(make_draft("ada@example.org"), person), person) is None


async def test_an_address_that_comes_twice_counts_once_and_names_the_first_line() -> None:
    first, second = (
        Row("p.csv", line, make_draft(text)) for line, text in ((2, "Ada@example.org"), (5, "ada@example.org"))
    )
    added, problem = await reviewed(People(), first, second)
    assert isinstance(added, Change)
    assert str(problem) == "p.csv:5: ada@example.org is in line 2 already — keep one of the two lines"


async def test_good_lines_survive_bad_ones_and_each_keeps_its_proof() -> None:
    people = People()
    bad = Problem("lists/people.csv", 3, 0, "zone: “Mars” is not a time zone")
    rows = [
        Row("lists/people.csv", 2, make_draft("ada@example.org")),
        Row("lists/people.csv", 3, problems=(bad,)),
        Row("lists/people.csv", 4, make_draft("bob@example.org")),
    ]
    told: list[int] = []
    counts = await Importer(people.as_store(), as_is, NOW).run(rows, told.append)
    assert (counts.added, counts.changed, counts.unchanged, counts.problems) == (2, 0, 0, [bad])
    assert [draft.proof for draft in people.applied[0]] == ["people.csv, line 2", "people.csv, line 4"]
    assert told == [3]


async def test_a_second_import_changes_nothing() -> None:
    people = People()
    rows = [Row("p.csv", 2, make_draft("ada@example.org")), Row("p.csv", 3, make_draft("bob@example.org"))]
    await Importer(people.as_store(), as_is, NOW).run(rows)
    counts = await Importer(people.as_store(), as_is, NOW).run(rows)
    assert (counts.added, counts.changed, counts.unchanged) == (0, 0, 2)
    assert len(people.applied) == 1


async def test_many_rows_are_applied_in_batches() -> None:
    people = People()
    count = BATCH + 7
    rows = (Row("p.csv", number + 2, make_draft(f"reader{number}@example.org")) for number in range(count))
    counts = await Importer(people.as_store(), as_is, NOW).run(rows)
    assert counts.added == count
    assert [len(batch) for batch in people.applied] == [BATCH, 7]


async def test_somebody_new_is_completed_and_somebody_known_is_not() -> None:
    people = People({"ada@example.org": known()})

    def complete(draft: SubscriberDraft) -> SubscriberDraft:
        return replace(draft, zone="Asia/Tokyo")

    rows = [
        Row("p.csv", line, SubscriberDraft(make_draft(text).address))
        for line, text in ((2, "ada@example.org"), (3, "b@example.org"))
    ]
    results = [result async for result in review(people.as_store(), rows, complete, NOW)]
    assert [result.kind for result in results if isinstance(result, Change)] == [ChangeKind.UNCHANGED, ChangeKind.ADDED]
