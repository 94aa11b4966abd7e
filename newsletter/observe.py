"""Logs: structured, with stable event names, ids instead of addresses, and times in UTC.

Whatever is logged, our own words, a server's reply or a traceback, passes :func:`without_addresses` before it is
written. Tracebacks come without the values of variables: those hold addresses and passwords.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog

from newsletter.core.masking import masked

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor


def configure_logging(style: str, level: str) -> None:
    """Write logs to standard error: ``console`` for people, ``json`` for machines, ``auto``: as a terminal is there."""
    is_human = style == "console" or (style == "auto" and sys.stderr.isatty())
    processors = _processors(is_human=is_human)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _adopt_library_logs(processors, level)


def configure_for_commands() -> None:
    """Write warnings to what is standard error at that moment: a command tells the rest itself."""
    structlog.configure(
        processors=_processors(is_human=True),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def without_addresses(_: Any, __: str, event: EventDict) -> EventDict:
    """Return the event with every mail address in it masked, however deep it lies."""
    return {key: _masked(value) for key, value in event.items()}


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {_masked(key): _masked(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(each) for each in value]
    return masked(repr(value))


def _processors(*, is_human: bool) -> list[Processor]:
    tracebacks: Processor = structlog.processors.format_exc_info
    renderer: Processor = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    if not is_human:
        plain = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        tracebacks, renderer = structlog.processors.ExceptionRenderer(plain), structlog.processors.JSONRenderer()
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        tracebacks,
        without_addresses,
        renderer,
    ]


def _adopt_library_logs(processors: list[Processor], level: str) -> None:
    """Let the libraries' own loggers (uvicorn, apscheduler, aiosmtpd) speak through the same door, from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors[:-1],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, processors[-1]],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(_number(level), logging.WARNING))


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
