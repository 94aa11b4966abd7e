"""Real returned mails, of twenty years and as many mail servers: what flufl.bounce's own tests say of each.

They come with its source package, which ``make test`` fetches into .venv (``make bounce-corpus``).
"""

from __future__ import annotations

import ast
import tarfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from newsletter.bounces.returned import read_returned
from newsletter.model import BounceKind, Report

PACKAGE = Path(__file__).resolve().parents[2] / ".venv" / "bounce-corpus" / "flufl_bounce-6.0.0.tar.gz"


class Case(NamedTuple):
    addresses: frozenset[str]
    is_temporary: bool


@cache
def members() -> dict[str, bytes]:
    """Return the files of the package's tests, by name."""
    if not PACKAGE.exists():
        pytest.skip("the corpus of returned mails is not there: run `make bounce-corpus`")
    found = {}
    with tarfile.open(PACKAGE) as package:
        for member in package.getmembers():
            content = package.extractfile(member)
            if content is not None and "/tests/" in member.name:
                found[member.name.rpartition("/")[2]] = content.read()
    return found


def cases() -> dict[str, Case]:
    """Return what the package's own test expects of each mail; one that it gives to several detectors has one that
    knows it.
    """
    tree = ast.parse(members()["test_detectors.py"])
    [table] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "DETECTORS"
    ]
    found: dict[str, Case] = {}
    for _, name, addresses, is_temporary in ast.literal_eval(table):
        wanted = frozenset(address.decode().lower() for address in addresses)
        if wanted or name not in found:
            found[name] = Case(wanted, is_temporary)
    return found


def reports() -> dict[str, Report]:
    return {name: read_returned(members()[name]) for name in cases()}


# Not one of its detectors alone knows these, so that its table is silent; all of them together do.
KNOWN_TO_OTHERS = {"simple_42.txt": {"david...@gmail.com"}}


def test_every_mail_says_of_whom_its_own_test_says() -> None:
    different = {
        name: (sorted(report.recipients), sorted(case.addresses))
        for (name, case), report in zip(cases().items(), reports().values(), strict=True)
        if not case.is_temporary and set(report.recipients) != (case.addresses or KNOWN_TO_OTHERS.get(name, set()))
    }
    assert different == {}
    assert len(cases()) > 100


def test_permanent_failures_count_and_temporary_ones_do_not() -> None:
    kinds = {name: report.kind for name, report in reports().items()}
    for name, case in cases().items():
        if case.is_temporary:
            assert kinds[name] is None, name  # a delay is no failure: the server goes on trying
        elif case.addresses:
            assert kinds[name] in (BounceKind.HARD, BounceKind.SOFT), name


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("dsn_01.txt", BounceKind.SOFT, "5.0.0"),  # disk quota
        ("dsn_02.txt", BounceKind.SOFT, "4.4.7"),  # timed out
        ("dsn_10.txt", BounceKind.HARD, "5.0.0"),  # 550 User unknown
        ("dsn_12.txt", BounceKind.HARD, "5.1.1"),
        ("dsn_14.txt", BounceKind.HARD, "5.1.1"),
        ("exim_01.txt", BounceKind.HARD, "5.1.1"),
        ("postfix_01.txt", BounceKind.HARD, "5.1.1"),
        ("simple_07.txt", BounceKind.SOFT, None),  # mailbox is full
        ("simple_38.txt", BounceKind.SOFT, None),  # quota exceeded
        ("simple_27.txt", BounceKind.HARD, None),  # no such user here
        ("simple_42.txt", BounceKind.SOFT, "5.7.1"),  # taken for spam
    ],
)
def test_what_it_means_is_read_from_codes_and_words(name: str, kind: BounceKind, code: str | None) -> None:
    report = read_returned(members()[name])
    assert (report.kind, report.enhanced_code) == (kind, code)


def test_nothing_of_it_is_believed() -> None:
    for name, report in reports().items():
        assert not report.is_vouched, name
