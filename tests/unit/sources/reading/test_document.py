from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sources.reading.document import NotAFeedError, decode, xml_of

LATIN = '<?xml version="1.0" encoding="iso-8859-1"?><a>é–</a>'


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("<a>é</a>".encode(), None, "<a>é</a>"),
        ("<a>é</a>".encode(), "iso-8859-1", "<a>é</a>"),
        ("<a>é</a>".encode("latin-1"), None, "<a>é</a>"),
        ("<a>é</a>".encode("latin-1"), "utf-8", "<a>é</a>"),
        ("<a>я</a>".encode("koi8-r"), "koi8-r", "<a>я</a>"),
        ("<a>я</a>".encode("koi8-r"), "no-such-charset", "<a>Ñ</a>"),
        ("<a>é</a>".encode("utf-16"), None, "<a>é</a>"),
        ("<a>é</a>".encode("utf-16-le"), None, "<a>é</a>"),
        ("\ufeff<a>é</a>".encode(), None, "<a>é</a>"),
        ("<a>日本</a>".encode("iso2022_jp"), "iso-2022-jp", "<a>日本</a>"),
        ("<a>日本</a>".encode("shift_jis"), "shift_jis", "<a>日本</a>"),
        ('<?xml version="1.0" encoding="windows-1251"?><a>я</a>'.encode("cp1251"), None, None),
    ],
)
def test_characters(body: bytes, charset: str | None, text: str | None) -> None:
    decoded = decode(body, charset).text
    assert decoded == text if text is not None else "<a>я</a>" in decoded


def test_a_few_broken_bytes_do_not_spoil_the_rest() -> None:
    decoded = decode("<a>ééééé".encode() + b"\xff</a>", None)

    assert decoded.text == "<a>ééééé\ufffd</a>"
    assert "1 broken" in decoded.note


def test_prolog_is_dropped_and_references_become_harmless() -> None:
    xml = xml_of(
        '<?xml version="1.0"?><?style x?><!-- <fake> --><!DOCTYPE rss [<!ENTITY a "]>"><!ENTITY b SYSTEM "file:///x">]>\n'
        "<rss>&eacute;&amp;&lt;&#8217;&#1114112;&#xD800;&b;\x0b\0</rss>"
    )

    assert xml.root == "rss"
    assert xml.text.endswith("<rss>é&amp;&lt;&#8217;\ufffd\ufffd&b;</rss>")
    assert "ENTITY" not in xml.text or xml.root == "rss"


@pytest.mark.parametrize("text", ["plain", "<", "< a>", "<!-- never", "<?xml", "<!DOCTYPE x [", "<!DOCTYPE rss>"])
def test_what_has_no_element_is_no_xml(text: str) -> None:
    with pytest.raises(NotAFeedError, match="neither XML nor JSON"):
        xml_of(text)


@given(st.binary(max_size=200), st.sampled_from([None, "utf-8", "latin-1", "utf-16", "x", "hz", "zlib"]))
def test_any_bytes_have_some_characters(body: bytes, charset: str | None) -> None:
    assert isinstance(decode(body, charset).text, str)
