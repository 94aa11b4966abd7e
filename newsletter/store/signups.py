"""Sign-ups: kept with the mail that asks for their confirmation, applied once, and forgotten when nobody confirms."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, exists, func, insert, select, update

from newsletter.core.deliveries import may_get
from newsletter.core.due import local_date
from newsletter.core.signups import DAY
from newsletter.errors import NotFoundError
from newsletter.model import (
    Consent,
    IssueKind,
    Origin,
    Signup,
    SignupStanding,
    SubscriberDraft,
    SubscriberStatus,
    SuppressionKind,
    TransactionalMail,
)
from newsletter.store.codec import dumps, loads
from newsletter.store.part import chunks
from newsletter.store.schema import consents, deliveries, signups, subscribers
from newsletter.store.subscribers import SubscriberTables, the_row, with_their_rows
from newsletter.store.suppressions import forget_hash, suppressions_among
from newsletter.store.transactional import TransactionalTables

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import EmailAddress, Subscriber

ASKED: Final = "sign-up"  # the consent of who has not confirmed: somebody entered the address
CONFIRMED: Final = "confirmed sign-up"
# Who may be forgotten when nothing but a sign-up ever brought them here.
NEVER_SUBSCRIBED: Final = (SubscriberStatus.PENDING, SubscriberStatus.BOUNCED, SubscriberStatus.SUPPRESSED)
FORGOTTEN_AT_ONCE: Final = 500


class SignupTables(SubscriberTables, TransactionalTables):
    """:class:`newsletter.ports.SignupStore` over the tables."""

    async def sign_up(
        self,
        choices: SubscriberDraft,
        proof: str,
        message_id: str,
        answer: Callable[[SignupStanding], IssueKind | None],
        now: datetime,
    ) -> IssueKind | None:
        """Keep what was asked for an address with the mail that ``answer`` decides on, and return which that is."""
        async with self.alone() as connection:
            standing = await standing_of(connection, choices.address, now)
            kind = answer(standing)
            if kind is None:
                return None
            if standing.subscriber is None:
                pending = replace(choices, status=SubscriberStatus.PENDING)
                await self.insert(connection, [pending], Consent(ASKED, now, proof), Origin.STORE, now)
            who = await the_row(connection, choices.address.key)
            reference = None
            if kind is IssueKind.CONFIRMATION:
                row = {"subscriber_id": who.id, "asked_at": now, "choices": dumps(choices), "proof": proof}
                kept = await connection.execute(insert(signups).values(row).returning(signups.c.id))
                reference = kept.scalar_one()
            language = (choices.language if kind is IssueKind.CONFIRMATION else None) or who.language
            mail = TransactionalMail(who.id, kind, message_id, language, reference=reference)
            await self.put_transactional(connection, [mail], now)
            return kind

    async def signup(self, signup_id: int) -> tuple[Signup, Subscriber]:
        """Return a sign-up and whose it is; NotFoundError when it is forgotten."""
        async with self.database.read() as connection:
            row = await signup_row(connection, signup_id)
            (who,) = await with_their_rows(connection, [await the_row(connection, row.subscriber_id)])
        return signup_of(row), who

    async def confirm_signup(self, signup_id: int, proof: str, now: datetime) -> bool:
        """Make active who asked for it, with what they asked for, and keep ``proof`` of it; return whether it was."""
        async with self.alone() as connection:
            row = await signup_row(connection, signup_id)
            stored = await the_row(connection, row.subscriber_id)
            (who,) = await with_their_rows(connection, [stored])
            may = may_get(IssueKind.CONFIRMATION, who.status) or may_get(IssueKind.REMINDER, who.status)
            if row.confirmed_at is not None or not may:
                return False
            if await is_suppressed(connection, who.address, now):
                return False
            asked = loads(SubscriberDraft, row.choices)
            wanted = replace(asked, address=who.address, status=SubscriberStatus.ACTIVE)
            await self.change(connection, (stored, who), wanted, now)
            own: dict[str, object] = {"origin": Origin.STORE.value}  # no profile file speaks for them any more
            if has_left_before(stored, who, local_date(wanted.zone or who.zone, now)):
                own["last_issue_date"] = None  # what is new since then comes at once, as a first digest does
            await connection.execute(update(subscribers).where(subscribers.c.id == who.id).values(own))
            told = {"subscriber_id": who.id, "method": CONFIRMED, "given_at": now, "proof": f"{row.proof}\n{proof}"}
            await connection.execute(insert(consents), told)
            await forget_hash(connection, self.fingerprints.of(who.address.key))  # erased once, and here again
            done = update(signups).where(signups.c.id == signup_id)
            await connection.execute(done.values(confirmed_at=now))
            return True

    async def forget_signups(self, asked_before: datetime) -> int:
        """Forget sign-ups that were asked for before then, and who never confirmed one; return how many people."""
        old = select(signups.c.id, signups.c.subscriber_id).where(signups.c.asked_at < asked_before)
        async with self.database.read() as connection:
            rows = (await connection.execute(old.order_by(signups.c.asked_at).limit(FORGOTTEN_AT_ONCE))).all()
        if not rows:
            return 0
        async with self.alone() as connection:
            gone = 0
            for chunk in chunks({row.subscriber_id for row in rows}):
                here = subscribers.c.id.in_(chunk), *never_subscribed(asked_before)
                gone += (await connection.execute(delete(subscribers).where(*here))).rowcount
            for chunk in chunks(row.id for row in rows):
                await connection.execute(delete(signups).where(signups.c.id.in_(chunk)))
        return gone


def has_left_before(stored: Row[tuple[object, ...]], who: Subscriber, today: date) -> bool:
    """Whether somebody was no reader any more, and has had no issue of today's yet."""
    is_back = may_get(IssueKind.CONFIRMATION, who.status) and who.status is not SubscriberStatus.PENDING
    return is_back and stored.last_issue_date is not None and stored.last_issue_date < today


def never_subscribed(asked_before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that nothing but sign-ups, the last asked for before then, knows of a subscriber."""
    mine = signups.c.subscriber_id == subscribers.c.id
    agreed = consents.c.subscriber_id == subscribers.c.id, consents.c.method != ASKED
    return (
        subscribers.c.status.in_([status.value for status in NEVER_SUBSCRIBED]),
        subscribers.c.origin == Origin.STORE.value,
        subscribers.c.last_issue_date.is_(None),
        ~exists().where(*agreed),
        ~exists().where(mine, signups.c.asked_at >= asked_before),
    )


async def standing_of(connection: AsyncConnection, address: EmailAddress, now: datetime) -> SignupStanding:
    """Return what is known of an address."""
    suppressed = await is_suppressed(connection, address, now)
    found = await connection.execute(select(subscribers).where(subscribers.c.address_key == address.key))
    rows = found.all()
    if not rows:
        return SignupStanding(is_suppressed=suppressed)
    (who,) = await with_their_rows(connection, rows)
    asked = select(func.count()).where(signups.c.subscriber_id == who.id, signups.c.asked_at > now - DAY)
    mine = deliveries.c.subscriber_id == who.id, deliveries.c.kind == IssueKind.REMINDER.value
    reminded = select(func.max(deliveries.c.planned_at).label("at")).where(*mine)
    return SignupStanding(
        who,
        suppressed,
        (await connection.execute(asked)).scalar_one(),
        (await connection.execute(reminded)).scalar_one(),
    )


async def is_suppressed(connection: AsyncConnection, address: EmailAddress, now: datetime) -> bool:
    """Whether nobody writes to an address, or to its whole domain. Whose owner had everything erased may be asked."""
    return bool(
        await suppressions_among(connection, SuppressionKind.ADDRESS, [address.key], now)
        or await suppressions_among(connection, SuppressionKind.DOMAIN, [address.domain], now)
    )


async def signup_row(connection: AsyncConnection, signup_id: int) -> Row[tuple[object, ...]]:
    """Return the row of a sign-up; NotFoundError when it is forgotten."""
    row = (await connection.execute(select(signups).where(signups.c.id == signup_id))).one_or_none()
    if row is None:
        raise NotFoundError(f"no sign-up with id {signup_id}; it was forgotten")
    return row


def signup_of(row: Row[tuple[object, ...]]) -> Signup:
    """Return the sign-up in a row."""
    return Signup(row.id, row.asked_at, loads(SubscriberDraft, row.choices), row.proof, row.confirmed_at)
