"""Puts the repository's root on the path, so that tests may share what lies in ``tests/support``."""

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# Quick while somebody waits, thorough where nobody does.
settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=50, deadline=None)
settings.load_profile("thorough" if os.environ.get("NEWSLETTER_NO_SKIPS") else "quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share what is made once for a file on one worker, so that it is made once."""
    for item in items:
        made = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
        is_shared = any(each[-1].scope == "module" for each in made.values())
        if is_shared and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the garbage collector what stays until the end: modules, and thousands of collected tests."""
    del session
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly that nothing may be skipped where everything is installed."""
    if _may_not_skip() and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("Nothing may be skipped here (NEWSLETTER_NO_SKIPS is set).", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if _may_not_skip() and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _may_not_skip() -> bool:
    return bool(os.environ.get("NEWSLETTER_NO_SKIPS"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recorded feeds and labelled papers that lie beside the project, when they do."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the recorded data are not beside the project")
    return folder
