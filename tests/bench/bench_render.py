"""How fast digests become mail: ``python -m tests.bench.bench_render [--json]``, medians in milliseconds.

A digest of 20 papers with abstracts of about 1,500 characters. *fill* is Jinja alone, HTML and text, after compilation;
*prepare* adds what comes before it (excerpts, marked words, links), with papers that no earlier digest held and with
papers that one did. *compose* is one recipient's finished message, in microseconds over a hundred different recipients
of one digest, their signed links included; its peer builds the same message with Python's ``EmailMessage`` and
``as_bytes``, as most newsletters do, in the same run. *sign* is that message's DKIM signature; its peer is dkimpy.
"""

from __future__ import annotations

import argparse
import email.policy
import json
import statistics
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import TYPE_CHECKING

import dkim

from newsletter.core.address import parse_address
from newsletter.core.links import Links
from newsletter.languages import ENGLISH
from newsletter.mail.dkim import Signer
from newsletter.mail.excerpt import excerpt
from newsletter.mail.fill import fill_html, fill_text
from newsletter.mail.render import LOOK_AGAIN_S
from newsletter.mail.rooms import ROOMS
from newsletter.mail.sentences import rated_sentences
from newsletter.mail.view import _room_sizes, _unplaced_view, section_views
from tests.support.mails import ABSTRACT, make_digest, make_renderer, unsubscribe_url
from tests.support.samples import make_subscriber
from tests.support.signing import DOMAIN, both_keys, pem

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.mail.prepared import PreparedDigest
    from newsletter.mail.render import Renderer

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
MESSAGE_ID = "<20261124.1.abcdef@example.org>"
READER = make_subscriber()
RECIPIENTS = 100


def median_ms(run: Callable[[], object], rounds: int, before: Callable[[], object] = lambda: None) -> float:
    """Return the median time of ``run`` in milliseconds, ``before`` not counted."""
    times = []
    for _ in range(rounds):
        before()
        started = time.perf_counter()
        run()
        times.append((time.perf_counter() - started) * 1_000)
    return round(statistics.median(times), 4)


def measure(rounds: int) -> dict[str, float]:
    renderer = make_renderer(look_again_s=LOOK_AGAIN_S)
    digest, papers = make_digest(20, "Contrastive learning", "Evaluation", abstract=ABSTRACT * 4)
    prepared = renderer.prepare(digest, papers)
    html, text = prepared.html(READER), prepared.text(READER)
    compiled = renderer._compiled["digest", "en"]
    variables = renderer._variables(digest, papers, ENGLISH) | {
        "sections": section_views(digest, papers, ROOMS[0], ENGLISH),
        "omitted": 0,
        "is_brief": False,
    }
    prepared.compose(READER, MESSAGE_ID, NOW)
    return {
        "html_bytes": len(html.encode()),
        "message_bytes": len(prepared.compose(READER, MESSAGE_ID, NOW)),
        "compile_ms": median_ms(lambda: renderer._compiler.compile("digest", ENGLISH), rounds=max(3, rounds // 20)),
        "fill_html_ms": median_ms(lambda: fill_html(compiled, variables), rounds),
        "fill_text_ms": median_ms(lambda: fill_text(compiled, variables), rounds),
        "prepare_known_papers_ms": median_ms(lambda: renderer.prepare(digest, papers), rounds),
        "prepare_new_papers_ms": median_ms(lambda: renderer.prepare(digest, papers), rounds, before=_forget),
        "first_compose_ms": _first_compose(renderer, rounds),
        "compose_us": _compose_us(prepared, rounds),
        **_sign_ms(prepared.compose(READER, MESSAGE_ID, NOW), rounds),
        "emailmessage_ms": median_ms(lambda: _peer(prepared, html, text), max(5, rounds // 5)),
    }


def _forget() -> None:
    _unplaced_view.cache_clear()
    _room_sizes.cache_clear()
    excerpt.cache_clear()
    rated_sentences.cache_clear()


def _first_compose(renderer: Renderer, rounds: int) -> float:
    """Return the time of a digest's first message, which encodes both parts."""
    fresh = [renderer.prepare(*make_digest(20, abstract=ABSTRACT * 4)) for _ in range(max(5, rounds // 10))]
    return median_ms(lambda: fresh.pop().compose(READER, MESSAGE_ID, NOW), len(fresh))


def _compose_us(prepared: PreparedDigest, rounds: int) -> float:
    """Return the median time of one of a hundred different recipients' messages, in microseconds."""
    links = Links("a secret of some length", "https://news.example.org")
    prepared._renderer._links = links
    addresses = [parse_address(f"reader{number}@example.org") for number in range(RECIPIENTS)]
    readers = [replace(READER, id=number, address=address) for number, address in enumerate(addresses)]

    def compose_all() -> None:
        for reader in readers:
            prepared.compose(reader, MESSAGE_ID, NOW)

    return round(median_ms(compose_all, rounds) * 1_000 / RECIPIENTS, 2)


def _sign_ms(message: bytes, rounds: int) -> dict[str, float]:
    """Return the time of signing one message with each kind of key and with both, and dkimpy's with RSA."""
    rsa, ed25519 = both_keys()
    found = {}
    for name, keys in (("rsa", (rsa,)), ("ed25519", (ed25519,)), ("both", (rsa, ed25519))):
        signer = Signer(DOMAIN, keys, lambda: NOW)
        found[f"sign_{name}_ms"] = median_ms(lambda signer=signer: signer.sign(message), rounds)  # type: ignore[misc]
    private, policy = pem(rsa.algorithm).encode(), (b"relaxed", b"relaxed")
    peer = median_ms(
        lambda: dkim.sign(message, b"rsa", DOMAIN.encode(), private, canonicalize=policy), max(5, rounds // 10)
    )
    return found | {"dkimpy_rsa_ms": peer}


def _peer(prepared: PreparedDigest, html: str, text: str) -> bytes:
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = "The Morning Preprint <digest@example.org>"
    message["To"] = READER.address.wire
    message["Subject"] = prepared.subject
    message["Message-ID"] = MESSAGE_ID
    message["List-Unsubscribe"] = f"<{unsubscribe_url(READER)}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message.as_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=200, help="how often each thing is done")
    arguments = parser.parse_args()
    figures = measure(arguments.rounds)
    if arguments.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        is_time = name.endswith(("_ms", "_us"))
        sys.stdout.write(f"{name:26}{value:12,.4f}\n" if is_time else f"{name:26}{value:12,}\n")


if __name__ == "__main__":
    main()
