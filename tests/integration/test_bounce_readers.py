"""The readers: a mail is put away only when it has been taken, and what goes wrong is told in one line."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from typing import TYPE_CHECKING

import pytest

from newsletter.bounces.imap import ImapReader, ImapTls, Mailbox
from newsletter.bounces.lmtp import LmtpReader, Place
from newsletter.bounces.maildir import MaildirReader
from newsletter.errors import ReadingError, StoreBusyError
from newsletter.mail.catcher import Maildir
from newsletter.model import BounceKind, SubscriberStatus
from tests.support.deliveries import make_store, plan
from tests.support.imap_server import ImapServer
from tests.support.postfix import TLS
from tests.support.returned import PATHS, Desk, path_of, returned

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from newsletter.store.sql import SqlStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = make_store(tmp_path)
    yield store
    await store.aclose()


@pytest.fixture
async def path(store: SqlStore) -> str:
    await plan(store, 1)
    [delivery] = await store.list_deliveries()
    return path_of(delivery.id)


async def has_bounced(store: SqlStore) -> bool:
    [subscriber] = await store.list_subscribers()
    return subscriber.status is SubscriberStatus.BOUNCED


# --- Maildir ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    folder = tmp_path / "bounces"
    Maildir(folder).create()
    return folder


async def test_a_maildir_is_read_once(store: SqlStore, path: str, maildir: Path) -> None:
    name = Maildir(maildir).add(returned(path))
    reader, desk = MaildirReader(maildir, 15), Desk(store)
    assert await reader.read(desk) == 1
    assert await reader.read(desk) == 0
    assert [each.name for each in (maildir / "cur").iterdir()] == [f"{name}:2,S"]
    assert await has_bounced(store)


async def test_a_mail_that_was_not_taken_stays_and_is_taken_the_next_time(
    store: SqlStore, path: str, maildir: Path
) -> None:
    Maildir(maildir).add(returned(path))
    reader, desk = MaildirReader(maildir, 15), Desk(store, failures=1)
    with pytest.raises(StoreBusyError):
        await reader.read(desk)
    assert len(list((maildir / "new").iterdir())) == 1
    assert await reader.read(desk) == 1
    assert await has_bounced(store)


async def test_a_mail_that_was_taken_before_a_kill_changes_nothing_more(
    store: SqlStore, path: str, maildir: Path
) -> None:
    Maildir(maildir).add(returned(path, code="5.2.2", diagnosis="552 5.2.2 full"))
    desk = Desk(store)
    for entry in (maildir / "new").iterdir():  # taken, and then killed before it was put away
        await desk(entry.read_bytes(), (), "maildir")
    assert await MaildirReader(maildir, 15).read(desk) == 1
    assert [taken.is_new for taken in desk.taken] == [True, False]
    [subscriber] = await store.list_subscribers()
    assert (await store.scores([subscriber.id]))[subscriber.id].value == 1


async def test_a_maildir_that_is_not_there_is_told_of(tmp_path: Path, store: SqlStore) -> None:
    with pytest.raises(ReadingError, match="No such file or directory — let this user read"):
        await MaildirReader(tmp_path / "nowhere", 15).read(Desk(store))


async def test_a_maildir_without_a_place_for_what_was_read_is_told_of(
    store: SqlStore, path: str, maildir: Path
) -> None:
    Maildir(maildir).add(returned(path))
    (maildir / "cur").rmdir()
    with pytest.raises(ReadingError):
        await MaildirReader(maildir, 15).read(Desk(store))


# --- LMTP -------------------------------------------------------------------------------------------------------------


def talk(place: tuple[str, int], *recipients: str, content: bytes = b"") -> tuple[list[int], tuple[int, bytes]]:
    """Hand a mail over, and return the answers to each RCPT and to the mail."""
    with smtplib.LMTP(*place, local_hostname="mx.example") as client:
        client.ehlo_or_helo_if_needed()
        client.mail("")
        codes = [client.rcpt(recipient)[0] for recipient in recipients]
        return codes, client.data(content) if 250 in codes else (0, b"")


@pytest.fixture
async def lmtp() -> AsyncIterator[LmtpReader]:
    reader = LmtpReader(Place(port=0), PATHS.is_ours)
    yield reader
    await reader.aclose()


async def test_the_listener_takes_what_is_addressed_to_us(store: SqlStore, path: str, lmtp: LmtpReader) -> None:
    desk = Desk(store)
    assert await lmtp.read(desk) == 0
    place = ("127.0.0.1", lmtp.port)
    codes, answer = await asyncio.to_thread(talk, place, path, content=returned("undisclosed-recipients:;"))
    assert codes == [250]
    assert answer == (250, b"2.0.0 Ok: taken")
    assert await has_bounced(store)
    assert [taken.source for taken in desk.taken] == ["lmtp"]


async def test_the_listener_refuses_strangers_and_forgeries(store: SqlStore, path: str, lmtp: LmtpReader) -> None:
    await lmtp.read(Desk(store))
    forged = path.replace("+d", "+p")
    strangers = ["postmaster@news.example", "somebody@else.test", forged, "bounces+dtoken@news.example"]
    codes, _ = await asyncio.to_thread(talk, ("127.0.0.1", lmtp.port), *strangers)
    assert codes == [550] * 4
    codes, _ = await asyncio.to_thread(talk, ("127.0.0.1", lmtp.port), "bounces@news.example", content=b"x\n")
    assert codes == [250]


async def test_the_listener_answers_for_each_recipient(store: SqlStore, path: str, lmtp: LmtpReader) -> None:
    await lmtp.read(Desk(store))
    reader, writer = await asyncio.open_connection("127.0.0.1", lmtp.port)
    writer.write(f"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{path}>\r\nRCPT TO:<bounces@news.example>\r\nDATA\r\n".encode())
    while not (line := await reader.readline()).startswith(b"354"):
        assert line[:3] in (b"220", b"250")
    writer.write(returned(path).replace(b"\n", b"\r\n") + b".\r\nQUIT\r\n")
    assert [(await reader.readline())[:3] for _ in range(3)] == [b"250", b"250", b"221"]
    writer.close()


async def test_the_mail_server_is_asked_to_come_again_while_the_store_is_busy(
    store: SqlStore, path: str, lmtp: LmtpReader
) -> None:
    await lmtp.read(Desk(store, failures=1))
    place = ("127.0.0.1", lmtp.port)
    _, answer = await asyncio.to_thread(talk, place, path, content=returned(path))
    assert answer[0] == 451
    assert not await has_bounced(store)
    _, answer = await asyncio.to_thread(talk, place, path, content=returned(path))
    assert answer[0] == 250
    assert await has_bounced(store)


async def test_the_listener_may_be_a_socket_and_takes_the_place_of_a_killed_ones(
    store: SqlStore, path: str, tmp_path: Path
) -> None:
    place = Place(path=tmp_path / "lmtp.sock")
    left_behind = await asyncio.start_unix_server(lambda *_: None, place.path)
    left_behind.close()  # its file stays, as after a kill
    reader = LmtpReader(place, PATHS.is_ours)
    await reader.read(Desk(store))
    _, answer = await asyncio.to_thread(talk, (str(place.path), 0), path, content=returned(path))
    assert answer[0] == 250
    other = LmtpReader(place, PATHS.is_ours)
    with pytest.raises(ReadingError, match="cannot start on"):
        await other.read(Desk(store))
    await reader.aclose()
    assert not tmp_path.joinpath("lmtp.sock").exists()


async def test_a_port_that_is_taken_is_told_of(store: SqlStore, lmtp: LmtpReader) -> None:
    await lmtp.read(Desk(store))
    second = LmtpReader(Place(port=lmtp.port), PATHS.is_ours)
    with pytest.raises(ReadingError, match="Address already in use"):
        await second.read(Desk(store))


# --- IMAP -------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def imap() -> AsyncIterator[Callable[..., ImapReader]]:
    readers = []

    def make(server: ImapServer, **said: object) -> ImapReader:
        plain = {"host": "127.0.0.1", "port": server.port, "username": "bounces", "password": "secret"}
        mailbox = Mailbox(**({"tls": ImapTls.NONE, "timeout_s": 5} | plain | said))  # type: ignore[arg-type]
        readers.append(ImapReader(mailbox, 60))
        return readers[-1]

    yield make
    for reader in readers:
        await reader.aclose()


async def test_a_mailbox_is_read_once_and_marked(store: SqlStore, path: str, imap: Callable[..., ImapReader]) -> None:
    async with ImapServer() as server:
        server.add(returned(path))
        server.add(b"Subject: out of office\r\n\r\naway\r\n")
        reader, desk = imap(server), Desk(store)
        assert await reader.read(desk) == 2
        assert await reader.read(desk) == 0
        assert [message.flags for message in server.messages.values()] == [{"\\Seen"}] * 2
    assert [taken.kind for taken in desk.taken] == [BounceKind.HARD, None]
    assert await has_bounced(store)


async def test_a_trial_leaves_a_mailbox_as_it_was(store: SqlStore, path: str, imap: Callable[..., ImapReader]) -> None:
    async with ImapServer() as server:
        server.add(returned(path))
        for _ in range(2):
            assert await imap(server, deletes=True).read(Desk(store), keeps=True) == 1
        assert [message.flags for message in server.messages.values()] == [set()]


async def test_what_was_read_may_be_deleted(store: SqlStore, path: str, imap: Callable[..., ImapReader]) -> None:
    async with ImapServer() as server:
        server.add(returned(path))
        assert await imap(server, deletes=True).read(Desk(store)) == 1
        assert server.messages == {}


async def test_a_mailbox_is_read_over_tls_and_never_over_a_false_one(
    store: SqlStore, path: str, imap: Callable[..., ImapReader]
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "loopback.pem")
    authority = str(TLS / "authority.pem")
    async with ImapServer(context=context, implicit_tls=True) as server:
        server.add(returned(path))
        with pytest.raises(ReadingError, match="certificate"):
            await imap(server, tls=ImapTls.IMPLICIT).read(Desk(store))
        assert await imap(server, tls=ImapTls.IMPLICIT, ca_file=authority, host="localhost").read(Desk(store)) == 1
    async with ImapServer(context=context) as server:
        server.add(returned(path))
        assert await imap(server, tls=ImapTls.STARTTLS, ca_file=authority, host="localhost").read(Desk(store)) == 1
        assert server.commands.index("STARTTLS") < server.commands.index("LOGIN")


async def test_a_refused_login_is_told_of(store: SqlStore, imap: Callable[..., ImapReader]) -> None:
    async with ImapServer(password="another") as server:
        with pytest.raises(ReadingError, match="refuses the login"):
            await imap(server).read(Desk(store))


@pytest.mark.parametrize("step", ["SELECT", "SEARCH", "FETCH", "STORE"])
@pytest.mark.parametrize("way", ["fails", "drops"])
async def test_a_mailbox_that_breaks_is_read_to_the_end_the_next_time(
    store: SqlStore, path: str, imap: Callable[..., ImapReader], step: str, way: str
) -> None:
    async with ImapServer() as server:
        server.add(returned(path, code="5.2.2", diagnosis="552 5.2.2 full"))
        setattr(server, way, step)
        reader, desk = imap(server), Desk(store)
        with pytest.raises(ReadingError, match="cannot be read"):
            await reader.read(desk)
        assert await reader.read(desk) == 1
        assert await reader.read(desk) == 0
    [subscriber] = await store.list_subscribers()
    assert (await store.scores([subscriber.id]))[subscriber.id].value == 1


async def test_a_mail_that_was_not_taken_stays_unseen(
    store: SqlStore, path: str, imap: Callable[..., ImapReader]
) -> None:
    async with ImapServer() as server:
        server.add(returned(path))
        reader, desk = imap(server), Desk(store, failures=1)
        with pytest.raises(StoreBusyError):
            await reader.read(desk)
        assert await reader.read(desk) == 1


async def test_a_server_that_is_not_there_is_told_of(store: SqlStore, imap: Callable[..., ImapReader]) -> None:
    server = ImapServer()
    async with server:
        pass
    with pytest.raises(ReadingError, match="Connection refused"):
        await imap(server).read(Desk(store))


def test_the_password_is_not_shown() -> None:
    assert "hidden" not in repr(Mailbox("h", 1, "u", "hidden"))
