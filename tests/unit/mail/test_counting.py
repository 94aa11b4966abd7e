"""Where a counted link leads, also when the paper has changed since."""

from __future__ import annotations

from dataclasses import replace

from newsletter.mail.counting import mark_of, target_of
from newsletter.model import Community
from tests.support.samples import make_paper

CODE = "https://github.com/example/code"


def test_a_link_leads_where_it_led_and_else_to_the_paper() -> None:
    plain = make_paper(1, "A paper")
    with_code = replace(plain, community=Community(code_url=CODE))
    own = target_of(plain, "00000000")
    assert own == plain.url
    assert target_of(with_code, mark_of(CODE)) == CODE
    assert target_of(plain, mark_of(CODE)) == own, "the code is gone"
    assert target_of(replace(plain, url="javascript:alert(1)", arxiv_id=None, doi=None), "00000000") == ""
