"""Puts the repository's root on the path, so that tests may share what lies in ``tests/support``."""

import gc
import os
import signal
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# Quick while somebody waits, thorough where nobody does.
settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=50, deadline=None)
settings.load_profile("thorough" if os.environ.get("NEWSLETTER_NO_SKIPS") else "quick")


def pytest_configure(config: pytest.Config) -> None:
    """Hear Ctrl-C, as what the tests start is to: a shell that runs this in the background had it ignored."""
    del config
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What takes longest begins first, so that no process is left with it at the end.
LONGEST_FIRST = ("e2e", "integration", "contract")


@pytest.hookimpl(trylast=True)  # within each of these the order stays random
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes seconds before what takes milliseconds."""
    folders = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: folders.get(item.nodeid.split("/")[1], len(folders)))


class Sharing(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Gives a file whose tests share what is made once for it (a daemon, a browser) to one process as a whole.

    xdist's own ``loadgroup`` writes the group into a name that pytest 9.2 no longer reads, and so does nothing.
    """

    def _split_scope(self, nodeid: str) -> str:
        return shared_by(nodeid.partition("::")[0]) or nodeid


@cache
def shared_by(path: str) -> str:
    """Return the group of a file whose tests belong together, "" when each may run anywhere."""
    if "/judges/" in path:
        return "judges"  # so that each of them is started once
    text = (ROOT / path).read_text("utf-8")
    return path if 'scope="module"' in text or "support.browsing import" in text else ""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Sharing:
    """Let several processes share the tests so."""
    return Sharing(config, log)


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
