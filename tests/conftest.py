"""Puts the repository's root on the path, so that tests may share what lies in ``tests/support``."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recorded feeds and labelled papers that lie beside the project, when they do."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the recorded data are not beside the project")
    return folder
