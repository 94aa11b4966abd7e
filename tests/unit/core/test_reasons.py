from __future__ import annotations

import pytest

from newsletter.core.reasons import LONGEST, likeness


@pytest.mark.parametrize(
    ("text", "alike"),
    [
        ("5.1.1 <bob@example.org> no such user", "<address> no such user"),
        ("<eve@sub.example.org>: Recipient address rejected", "<address>: Recipient address rejected"),
        ("4.7.1 Greylisted for 300 seconds", "Greylisted for 300 seconds"),
        ("2.0.0 Ok: queued as 4XyZ8s2Qk9z3", "Ok: queued as <id>"),
        ("5.7.1 [192.0.2.7] is listed, see https://bl.example/192.0.2.7", "<ip> is listed, see <link>"),
        ("4.4.1 no answer from 192.0.2.17 port 25", "no answer from <ip> port 25"),
        ("quota of 1073741824 bytes exceeded", "quota of <number> bytes exceeded"),
        ("  two\r\n  lines  ", "two lines"),
        ("", ""),
    ],
)
def test_what_is_one_recipients_own_is_taken_out(text: str, alike: str) -> None:
    assert likeness(text) == alike


def test_a_long_reply_is_cut() -> None:
    assert len(likeness("no " * 1000)) == LONGEST
