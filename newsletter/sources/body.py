"""An answer's body on its way to a temporary file: decompressed piece by piece, within limits."""

from __future__ import annotations

import asyncio
import tempfile
import zlib
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE: Final = 256 * 1024
GZIP: Final = 16 + zlib.MAX_WBITS
MEGABYTE: Final = 1_000_000


class TooLargeError(Exception):
    """A document is over a limit; the text says which."""


class EncodingError(Exception):
    """A body is not in the compression that its header names; the text says so."""


class Document:
    """A downloaded or copied document in an unnamed temporary file, which vanishes with the last reference to it."""

    def __init__(self) -> None:
        # Held by the caller, who hands the descriptor to the reading process and then closes it.
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close())
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Append bytes; OSError when the disk is full."""
        self.file.write(piece)
        self.size += len(piece)

    def rewind(self) -> None:
        """Make everything written readable from the start, by this process and by a child."""
        self.file.flush()
        self.file.seek(0)

    def close(self) -> None:
        """Give the space back; harmless when repeated."""
        self.file.close()


class Decoder:
    """Undoes one Content-Encoding without ever holding more than a piece: 64 kB of gzip can hide 64 MB."""

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise EncodingError(f"came in the compression {name[:40]!r}, which was not asked for")
        self.name = name
        self.inflater = (
            None if name in ("", "identity") else zlib.decompressobj(GZIP if "gzip" in name else zlib.MAX_WBITS)
        )
        self.started = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield what ``data`` adds to the document, at most ``PIECE`` bytes at a time."""
        if self.inflater is None:
            yield data
            return
        while data:
            if self.inflater.eof:
                # RFC 1952, section 2.2: a gzip file may have several members. Padding after the last one is dropped.
                if "gzip" not in self.name or not data.startswith(b"\x1f"):
                    return
                self.inflater = zlib.decompressobj(GZIP)
            yield self.inflate(data)
            data = self.inflater.unconsumed_tail or self.inflater.unused_data

    def inflate(self, data: bytes) -> bytes:
        """Return the next piece; a raw deflate stream, which old servers send for ``deflate``, is taken as well."""
        assert self.inflater is not None  # noqa: S101 (tells the type checker what decode() made sure of)
        try:
            piece = self.inflater.decompress(data, PIECE)
        except zlib.error as error:
            if self.started or self.name != "deflate":
                raise EncodingError(f"is not the {self.name} that its header says: {error}") from error
            self.inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            self.started = True
            return self.inflate(data)
        self.started = True
        return piece

    @property
    def is_complete(self) -> bool:
        """Whether the compressed stream came to its end."""
        return self.inflater is None or self.inflater.eof or not self.started


class Intake:
    """Takes an answer's bytes as they come off the wire, and keeps the two limits."""

    def __init__(self, encoding: str, most_wire_bytes: int, most_bytes: int) -> None:
        self.decoder = Decoder(encoding)
        self.most_wire_bytes = most_wire_bytes
        self.most_bytes = most_bytes
        self.wire_bytes = 0
        self.document = Document()

    def check_announced(self, size: int) -> None:
        """Raise TooLargeError at once when the header already says that the body is over the limit."""
        if size > self.most_wire_bytes:
            raise TooLargeError(f"is {megabytes(size)}, larger than {megabytes(self.most_wire_bytes)}")

    async def take(self, data: bytes) -> None:
        """Add bytes from the wire; TooLargeError or EncodingError as soon as it is clear.

        Others get their turn between pieces: one packet of zeros may decompress for a tenth of a second.
        """
        self.wire_bytes += len(data)
        if self.wire_bytes > self.most_wire_bytes:
            raise TooLargeError(f"is larger than {megabytes(self.most_wire_bytes)}")
        for piece in self.decoder.decode(data):
            if self.document.size + len(piece) > self.most_bytes:
                raise TooLargeError(f"is larger than {megabytes(self.most_bytes)} once decompressed")
            self.document.write(piece)
            await asyncio.sleep(0)

    def finish(self) -> Document:
        """Return the whole document, ready to be read; EncodingError when the compressed stream was cut short."""
        if not self.decoder.is_complete:
            raise EncodingError("ended in the middle of its compressed data")
        self.document.rewind()
        return self.document


def megabytes(count: int) -> str:
    """Return a size for people: ``20 MB``, ``0.1 MB``, ``900 bytes``."""
    return f"{count / MEGABYTE:.3g} MB" if count >= MEGABYTE // 10 else f"{count} bytes"
