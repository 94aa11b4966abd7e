"""The daemon: ticks, the straight line collect → issue → deliver, the pages, signals and an ordered stop.

The scheduler only wakes tasks of ours; what is due is asked of the store each time, so a tick that comes late, twice or
never costs nothing but time::

    tick ─▶ reload? ─▶ collect ─▶ issue ─┐            line: each stage commits, each can be rerun    (schedule)
                                         ▼ wake
    tick, NOTIFY ─────────────────────▶ deliver       stops between two mails, never within one      (worker)
    tick ─▶ signs of life ─▶ alerts                   tells what stays wrong, also when the line hangs (schedule)

A process takes on any of the roles on the right, and ``web``; without the role, its line reloads the configuration and
looks whether the store answers. Between processes nothing is said but through PostgreSQL.
"""

from __future__ import annotations

from newsletter.daemon.process import Daemon

__all__ = ["Daemon"]
