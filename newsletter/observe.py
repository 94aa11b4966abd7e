"""Logs: structured, with stable event names, ids instead of addresses, and times in UTC."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logging(style: str, level: str) -> None:
    """Write logs to standard error: ``console`` for people, ``json`` for machines, ``auto``: as a terminal is there."""
    human = style == "console" or (style == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if human else structlog.processors.JSONRenderer()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if not human:
        shared.append(structlog.processors.dict_tracebacks)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _adopt_library_logs(shared, renderer, level)


def _adopt_library_logs(
    shared: list[structlog.typing.Processor], renderer: structlog.typing.Processor, level: str
) -> None:
    """Let the libraries' own loggers (uvicorn, apscheduler, aiosmtpd) speak through the same door, from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(_number(level), logging.WARNING))


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
