"""Signed links: what a mail may ask the web side to do, provable years later and useless for anything else."""

from __future__ import annotations

import hashlib
import hmac
import re
from binascii import b2a_base64
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from itsdangerous import BadData, URLSafeSerializer

CONFIRM_WITHIN: Final = timedelta(days=3)
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_SIGNATURE: Final = 28  # characters, which are 168 bits
_IN_MAILS: Final = ("unsubscribe", "manage", "vote")
UNDO_FOR: Final = timedelta(days=14)
LONGEST_TOKEN: Final = 200  # characters; ours have under 90
_NUMBER: Final = re.compile("0|[1-9][0-9]{0,18}")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads the links of one installation; ``base_url`` is its public address, without a final slash.

    Links that confirm something work for as long as ``confirm_within`` says, all others for ever.
    """

    secret: str = field(repr=False)
    base_url: str
    confirm_within: timedelta = CONFIRM_WITHIN

    def worthless(self) -> Links:
        """Return links that look the same and end nothing, here or anywhere: for mails that somebody else gets."""
        return Links(f"redirected\0{self.secret}", self.base_url, self.confirm_within)

    def of_mail(self, subscriber_id: int) -> tuple[str, str, str]:
        """Return the addresses that each mail to somebody holds, where they leave, choose and vote, as the methods for
        each do: made at once, for a mail must cost microseconds.
        """
        base, signed = self.base_url, _signed(self.secret, subscriber_id)
        return (
            f"{base}/unsubscribe/{subscriber_id}.{signed[:_SIGNATURE]}",
            f"{base}/manage/{subscriber_id}.{signed[_SIGNATURE:-_SIGNATURE]}",
            f"{base}/v/{subscriber_id}.{signed[-_SIGNATURE:]}",
        )

    def unsubscribe_url(self, subscriber_id: int) -> str:
        """Return the address that ends this subscription by POST (RFC 8058); it never expires and is short enough
        (under 60 characters beyond the base) never to be folded in a header.
        """
        return self.of_mail(subscriber_id)[0]

    def read_unsubscribe(self, token: str) -> int | None:
        """Return whose subscription ``token`` may end, or None when it is not a token of ours for that."""
        return _number(self.secret, "unsubscribe", token)

    def manage_url(self, subscriber_id: int) -> str:
        """Return the address of the page where somebody chooses what comes, and when; it never expires."""
        return self.of_mail(subscriber_id)[1]

    def read_manage(self, token: str) -> int | None:
        """Return whose choices ``token`` opens, or None when it is not a token of ours for that."""
        return _number(self.secret, "manage", token)

    def undo_url(self, subscriber_id: int, left_at: datetime) -> str:
        """Return the address that takes back by POST the leaving of ``left_at``, for :data:`UNDO_FOR` from then."""
        microseconds = (left_at - EPOCH) // timedelta(microseconds=1)
        return f"{self.base_url}/undo/{_serializer(self.secret, 'undo').dumps([subscriber_id, microseconds])}"

    def read_undo(self, token: str, now: datetime) -> tuple[int, datetime] | None:
        """Return whose leaving ``token`` takes back, and when that was (UTC); None when it is not a token of ours for
        that, or is too old.
        """
        match _loaded(self.secret, "undo", token):
            case [int(who), int(microseconds)]:
                left_at = EPOCH + timedelta(microseconds=microseconds)
                return (who, left_at) if timedelta() <= now - left_at <= UNDO_FOR else None
        return None

    def confirm_url(self, signup_id: int, now: datetime) -> str:
        """Return the address of the page that confirms a sign-up by POST."""
        return f"{self.base_url}/confirm/{self._dated('confirm', signup_id, now)}"

    def read_confirm(self, token: str) -> tuple[int, datetime] | None:
        """Return the sign-up that ``token`` is for, and until when it works; None when it is not a token of ours."""
        return _dated_number(self.secret, "confirm", token)

    def address_change_url(self, number: int, now: datetime) -> str:
        """Return the address of the page that agrees to a change of address by POST."""
        return f"{self.base_url}/address/{self._dated('address', number, now)}"

    def read_address_change(self, token: str) -> tuple[int, datetime] | None:
        """Return the number that ``token`` was made for, and until when it works; None when it is not one of ours."""
        return _dated_number(self.secret, "address", token)

    def vote_url(self, subscriber_id: int) -> str:
        """Return the address of somebody's saved papers; with ``/ID`` after it, that at which they vote for a paper.

        It never expires, and is short, for each mail holds it many times.
        """
        return self.of_mail(subscriber_id)[2]

    def read_vote(self, token: str) -> int | None:
        """Return in whose name ``token`` votes, or None when it is not a token of ours for that."""
        return _number(self.secret, "vote", token)

    def saved_feed_url(self, subscriber_id: int) -> str:
        """Return the address of the feed of somebody's saved papers: who has it reads them, and cannot vote."""
        return f"{self.base_url}/saved/{_serializer(self.secret, 'saved-feed').dumps(subscriber_id)}/atom.xml"

    def read_saved_feed(self, token: str) -> int | None:
        """Return whose saved papers ``token`` shows, or None when it is not a token of ours for that."""
        return _number(self.secret, "saved-feed", token)

    def curate_url(self, curator: str, number: int) -> str:
        """Return the address of a curator's page; it works for as long as the settings know this number of theirs."""
        signed = _serializer(self.secret, "curate").dumps([mark_of(curator), number])
        return f"{self.base_url}/curate/{signed}"

    def read_curate(self, token: str) -> tuple[str, int] | None:
        """Return the mark of whose page ``token`` opens (:func:`mark_of`), and its number; None when it is not a token
        of ours for that.
        """
        match _loaded(self.secret, "curate", token):
            case [str(mark), int(number)]:
                return mark, number
            case _:
                return None

    def go_url(self, paper_id: int, issue_date: date, mark: str) -> str:
        """Return the address that leads from an issue to a paper, and counts that; it never expires."""
        token = _serializer(self.secret, "go").dumps([paper_id, issue_date.toordinal(), mark])
        return f"{self.base_url}/go/{token}"

    def read_go(self, token: str) -> tuple[int, date, str] | None:
        """Return the paper, the issue's date and the mark of where ``token`` leads; None when it is none of ours."""
        match _loaded(self.secret, "go", token):
            case [int(paper_id), int(day), str(mark)]:
                return paper_id, date.fromordinal(day), mark
            case _:
                return None

    def challenge(self, nonce: str, now: datetime) -> str:
        """Return what a form carries that was made now; ``nonce`` tells it from all others."""
        return str(_serializer(self.secret, "challenge").dumps([nonce, int(now.timestamp())]))

    def read_challenge(self, token: str) -> datetime | None:
        """Return when a form of ours was made, in whole seconds; None when it is none of ours."""
        match _loaded(self.secret, "challenge", token):
            case [str(), int(made_s)]:
                return datetime.fromtimestamp(made_s, UTC)
            case _:
                return None

    def network_hash(self, network: str) -> str:
        """Return by what a network is known again, and not by whom: a keyed hash, of 32 hexadecimal digits."""
        return hmac.new(self.secret.encode(), f"newsletter.network:{network}".encode(), "sha256").hexdigest()[:32]

    def _dated(self, purpose: str, number: int, now: datetime) -> str:
        until_s = int((now + self.confirm_within).timestamp())
        return str(_serializer(self.secret, purpose).dumps([number, until_s]))


def mark_of(name: str) -> str:
    """Return what stands for a name in a link, however long that is."""
    return hashlib.blake2b(name.encode(errors="replace"), digest_size=9).hexdigest()


def _loaded(secret: str, purpose: str, token: str) -> object:
    """Return what a token of ours holds; None when it is none for this purpose."""
    if len(token) > LONGEST_TOKEN:
        return None
    try:
        return _serializer(secret, purpose).loads(token)
    except BadData:
        return None


def _number(secret: str, purpose: str, token: str) -> int | None:
    """Return the number that a token of ours holds, of today's form or of the library's, which older mails have."""
    number, _, signature = token.partition(".")
    if purpose in _IN_MAILS and len(signature) == _SIGNATURE:
        return _signed_number(secret, purpose, number, signature)
    value = _loaded(secret, purpose, token)
    return value if type(value) is int else None


def _signed_number(secret: str, purpose: str, number: str, signature: str) -> int | None:
    if not _NUMBER.fullmatch(number):
        return None
    start = _IN_MAILS.index(purpose) * _SIGNATURE
    expected = _signed(secret, int(number))[start : start + _SIGNATURE]
    return int(number) if hmac.compare_digest(expected.encode(), signature.encode()) else None


def _dated_number(secret: str, purpose: str, token: str) -> tuple[int, datetime] | None:
    match _loaded(secret, purpose, token):
        case [int(number), int(until_s)]:
            return number, datetime.fromtimestamp(until_s, UTC)
        case _:
            return None


def _signed(secret: str, number: int) -> str:
    """Return the signatures of a number for each purpose that a mail's links have, one after the other: parts of one
    keyed hash (BLAKE2b, RFC 7693), none of which tells anything of another.
    """
    keyed = _keyed(secret).copy()
    keyed.update(b"%d" % number)
    return b2a_base64(keyed.digest(), newline=False).translate(_URL_SAFE).decode("ascii")


@lru_cache(maxsize=16)
def _serializer(secret: str, purpose: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt=f"newsletter.{purpose}")


@lru_cache(maxsize=16)
def _keyed(secret: str) -> hashlib.blake2b:
    octets = len(_IN_MAILS) * _SIGNATURE * 3 // 4
    key = hashlib.blake2b(secret.encode()).digest()
    return hashlib.blake2b(key=key, digest_size=octets, person=b"newsletter.mails")
