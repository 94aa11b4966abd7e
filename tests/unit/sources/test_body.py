from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.sources.body import EncodingError, Intake, TooLargeError


async def taken(encoding: str, *pieces: bytes, most_wire: int = 10**7, most: int = 10**7) -> bytes:
    """Return what an intake makes of bytes from the wire."""
    intake = Intake(encoding, most_wire, most)
    try:
        for piece in pieces:
            await intake.take(piece)
        return intake.finish().file.read()
    finally:
        intake.document.close()


@settings(max_examples=25)
@given(st.binary(max_size=2000), st.integers(1, 50))
async def test_every_encoding_comes_back_whole(body: bytes, step: int) -> None:
    raw = zlib.compressobj(wbits=-15)
    encodings = {
        "gzip": gzip.compress(body),
        "x-gzip": gzip.compress(body[:10]) + gzip.compress(body[10:]),
        "deflate": zlib.compress(body),
        " Deflate ": raw.compress(body) + raw.flush(),
        "": body,
        "identity": body,
    }
    for encoding, wire in encodings.items():
        if encoding == " Deflate " and step == 1:
            continue  # the first byte of a raw stream alone cannot tell that it is raw
        pieces = [wire[start : start + step] for start in range(0, len(wire), step)]
        assert await taken(encoding, *pieces) == body


async def test_a_bomb_is_stopped_before_it_fills_memory() -> None:
    bomb = gzip.compress(b"\0" * 100_000_000)
    tracemalloc.start()
    with pytest.raises(TooLargeError, match="larger than 10 MB once decompressed"):
        await taken("gzip", bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 3_000_000


async def test_too_much_on_the_wire() -> None:
    with pytest.raises(TooLargeError, match=r"larger than 0\.1 MB"):
        await taken("", b"x" * 60_000, b"x" * 60_000, most_wire=100_000)


@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("br", b"x", "'br', which was not asked for"),
        ("gzip", b"<rss/>", "is not the gzip that its header says"),
        ("deflate", b"\xff\xff\xff\xff", "is not the deflate that its header says"),
        ("gzip", gzip.compress(b"x" * 1000, mtime=0)[:-9], "ended in the middle"),
    ],
)
async def test_wrong_compression(encoding: str, body: bytes, message: str) -> None:
    with pytest.raises(EncodingError, match=message):
        await taken(encoding, body)


async def test_padding_after_gzip_is_dropped() -> None:
    assert await taken("gzip", gzip.compress(b"feed") + b"\0\0\0") == b"feed"
