from newsletter.model import Origin
from newsletter.store.sql import SqlStore
from tests.support.stored import CONSENT, NOW, add_people, address, draft


async def test_many_are_found_by_their_addresses_at_once(store: SqlStore) -> None:
    await add_people(store, "ada", "bob")
    found = await store.find_subscribers([address(name).key for name in ("ada", "bob", "nobody", "ada")])
    assert found == {address(name).key: await store.find_subscriber(address(name).key) for name in ("ada", "bob")}
    assert await store.find_subscribers([]) == {}


async def test_a_draft_s_own_proof_of_consent_stands_and_changes_nobody_who_is_known(store: SqlStore) -> None:
    drafts = [draft("ada", proof="people.csv, line 2"), draft("bob")]
    await store.apply_drafts(drafts, CONSENT, Origin.STORE, NOW)
    again = [draft("ada", proof="other.csv, line 9"), draft("bob")]
    assert await store.apply_drafts(again, CONSENT, Origin.STORE, NOW) == (0, 0, 2)
    ada, bob = [(await store.find_subscriber(address(name).key)).consent for name in ("ada", "bob")]
    assert (ada.proof, bob.proof) == ("people.csv, line 2", CONSENT.proof)
