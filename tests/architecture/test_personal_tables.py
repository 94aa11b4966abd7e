"""Every table is somebody's, and so shown and erased with them, or is said here to hold nothing about anybody."""

from __future__ import annotations

from newsletter.store.personal import BY_ADDRESS, BY_NUMBER, personal_tables
from newsletter.store.schema import metadata

NOBODYS = {
    **dict.fromkeys(("papers", "paper_aliases", "paper_keys", "paper_versions", "sightings", "sources"), "papers"),
    **dict.fromkeys(("indexed_papers", "vocabulary", "archived_papers"), "what is shown of papers"),
    "digests": "shared by all who got them; shown by deliveries, and erased when nobody else had the same keywords",
    **dict.fromkeys(("alerts", "buckets", "circuits", "leases", "pauses", "seals"), "the operation"),
    **dict.fromkeys(("issues", "source_days", "clicks"), "counts of a day"),
    "api_requests": "answers to programs, kept for a day; erased where an address stands in them",
    **dict.fromkeys(("webhooks", "told_issues"), "who is told of what happens, and which issues were told"),
    "reports": "that a day's report was sent",
    "movements": "who came and left, without their names",
    "picks": "what curators say in public; they are in the configuration",
    "voice_changes": "a counter",
    "ended_sessions": "logins of admins, who are in the configuration",
}
"""The tables without a row about a subscriber, and why."""


def test_every_table_is_somebodys_or_nobodys() -> None:
    theirs = {table.name for table in personal_tables()} | set(BY_ADDRESS) | set(BY_NUMBER)
    unknown = set(metadata.tables) - theirs - set(NOBODYS)
    assert unknown == set(), "refer to subscribers.id with ON DELETE CASCADE, or name the table above and say why"
    assert theirs & set(NOBODYS) == set()
    assert set(NOBODYS) <= set(metadata.tables)


def test_what_names_a_subscriber_goes_with_them() -> None:
    for table in metadata.tables.values():
        if "subscriber_id" not in table.c or table.name in BY_NUMBER:
            continue
        keys = [key for key in table.c.subscriber_id.foreign_keys if key.column.table.name == "subscribers"]
        assert [key.ondelete for key in keys] == ["CASCADE"], table.name


def test_all_that_hangs_on_what_is_theirs_goes_too() -> None:
    personal = set(personal_tables())
    for table in personal:
        for key in table.foreign_keys:
            if key.column.table in personal:
                assert key.ondelete == "CASCADE", f"{table.name}.{key.parent.name}"
