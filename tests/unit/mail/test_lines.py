from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.mail.lines import is_clean, stuffed


@given(st.lists(st.text("ab.\r\n \x00é", max_size=20), max_size=10))
def test_dots_are_stuffed_so_that_a_server_gets_the_message_back(lines: list[str]) -> None:
    message = "".join(line.replace("\r", "").replace("\n", "") + "\r\n" for line in lines).encode()
    wire = stuffed(message)
    assert wire.endswith(b".\r\n")
    body = wire.removesuffix(b".\r\n")
    assert b"".join(line.removeprefix(b".") for line in body.splitlines(keepends=True)) == message
    assert b".\r\n" not in [line for line in body.split(b"\n") if line == b".\r"]


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"."])).map(b"".join))
@example(b"")
@example(b"\r\n")
@example(b"\n\r\n")
def test_clean_means_that_every_cr_and_lf_belongs_to_a_crlf(data: bytes) -> None:
    rest = data.replace(b"\r\n", b"")
    assert is_clean(data) == (data.endswith(b"\r\n") and b"\r" not in rest and b"\n" not in rest)
