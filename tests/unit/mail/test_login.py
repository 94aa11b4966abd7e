import pytest

from newsletter.mail.login import NoMechanismError, mechanisms
from newsletter.mail.relay import Authentication, Relay

PASSWORD = Relay(username="user", password="secret")
TOKEN = Relay(username="user", token_command=("/usr/bin/token",))
ALL = ["plain", "login", "cram-md5", "xoauth2"]
PLAIN, LOGIN, CRAM_MD5, XOAUTH2 = (
    Authentication.PLAIN,
    Authentication.LOGIN,
    Authentication.CRAM_MD5,
    Authentication.XOAUTH2,
)


def test_by_itself_a_password_takes_the_plainest_and_a_token_its_own() -> None:
    assert mechanisms(PASSWORD, ALL, is_private=True) == [PLAIN, LOGIN, CRAM_MD5]
    assert mechanisms(TOKEN, ALL, is_private=True) == [XOAUTH2]


def test_where_others_can_read_no_secret_is_shown() -> None:
    assert mechanisms(PASSWORD, ALL, is_private=False) == [CRAM_MD5]


@pytest.mark.parametrize(
    ("relay", "offered"),
    [
        (PASSWORD, ["plain", "login"]),
        (TOKEN, ALL),
        (Relay(username="user", password="secret", authentication=PLAIN), ALL),
    ],
)
def test_a_secret_is_not_sent_where_others_can_read_it(relay: Relay, offered: list[str]) -> None:
    with pytest.raises(NoMechanismError, match="in the clear: set tls to starttls or implicit"):
        mechanisms(relay, offered, is_private=False)


def test_what_is_asked_for_is_used_or_missed() -> None:
    relay = Relay(username="user", password="secret", authentication=LOGIN)
    assert mechanisms(relay, ALL, is_private=True) == [LOGIN]
    with pytest.raises(NoMechanismError, match="does not offer LOGIN, but PLAIN, XOAUTH2"):
        mechanisms(relay, ["plain", "xoauth2"], is_private=True)
