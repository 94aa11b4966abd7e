"""All faults."""

from __future__ import annotations

from tests.crash import mail_faults, store_faults
from tests.crash.faults import FAULTS, Fault, Result, suffer

__all__ = ["FAULTS", "Fault", "Result", "mail_faults", "store_faults", "suffer"]
