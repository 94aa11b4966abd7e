"""Everything that fails around a newsletter while it sends, and whether every mail is accounted for afterwards."""

from pathlib import Path

import pytest

from tests.crash.catalogue import FAULTS, Fault, suffer
from tests.support.databases import postgres

__all__ = ["postgres"]

READERS = 60


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_every_mail_is_accounted_for(fault: Fault, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("postgres") if fault.is_postgres else None
    result = await suffer(fault, tmp_path, READERS, server)
    assert result.broken() == []
