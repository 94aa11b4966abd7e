"""Which module holds which command: each is loaded when it is called, since all of them together take a second."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_group

from newsletter.loading import loading

if TYPE_CHECKING:
    from types import ModuleType

CONFIG_HINT: Final = "With --config DIR it works on another configuration than ./config (or $NEWSLETTER_CONFIG)."
# In the order of the help. A module below `newsletter.cli` either mounts commands (`register`) or is a group (`app`).
MODULES: Final = {
    **dict.fromkeys(("init", "check", "migrate"), "setup"),
    **dict.fromkeys(("run", "worker"), "daemon"),
    **dict.fromkeys(("collect", "issue", "deliver", "send"), "pipeline"),
    **dict.fromkeys(("status", "send-test", "why"), "inspection"),
    "preview": "preview",
    **dict.fromkeys(("backup", "restore", "move-store"), "safekeeping"),
    "doctor": "doctor",
    **dict.fromkeys(("pause", "unpause", "unseal"), "stopping"),
    "dkim": "dkim",
    "subscribers": "subscribers",
    "deliveries": "deliveries",
    "bounces": "bounces",
    "suppression": "suppression",
    "papers": "papers",
    "picks": "picks",
    "profiles": "profiles",
    "sources": "sources",
    "relays": "relays",
    "templates": "templates",
    "admin": "admin",
    "api": "api",
    "webhooks": "webhooks",
}


class Commands(Mapping[str, Any]):
    """Every command and group by its name, loaded when it is first looked at."""

    def __init__(self, markup: Any = None) -> None:
        self.markup = markup  # of the help, as Typer's ``rich_markup_mode``
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        """Return a command; KeyError when there is none of that name."""
        module = MODULES[name]
        if name not in self._loaded:
            self._loaded |= load(module, name, self.markup)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names; nothing is loaded for that."""
        return iter(MODULES)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(MODULES)


def load(module_name: str, name: str, markup: Any = None) -> dict[str, Any]:
    """Return the commands that a module mounts, or its group as ``name``."""
    module = loaded(f"newsletter.cli.{module_name}")
    mounted = typer.Typer(rich_markup_mode=markup)
    if hasattr(module, "register"):
        module.register(mounted)
    else:
        mounted.add_typer(module.app, name=name)
    commands: dict[str, Any] = dict(get_group(mounted).commands)
    for command in leaves(commands):
        command.epilog = command.epilog or CONFIG_HINT
        command.help = keeping_lines(command.help)
    return commands


def loaded(name: str) -> ModuleType:
    """Return a module, loaded if it was not yet."""
    if name in sys.modules:
        return sys.modules[name]
    with loading():
        return import_module(name)


def leaves(commands: Mapping[str, Any]) -> Iterator[Any]:
    """Yield every command, those of groups instead of the groups."""
    for command in commands.values():
        if isinstance(command, TyperGroup):
            yield from leaves(command.commands)
        else:
            yield command


def keeping_lines(help_text: str | None) -> str | None:
    r"""Return help whose paragraphs are a line each, for every width of terminal, but for those marked with ``\b``."""
    if help_text is None:
        return None
    paragraphs = help_text.replace("\\b\n", "\b\n").split("\n\n")
    return "\n\n".join(each if each.startswith("\b") else " ".join(each.split()) for each in paragraphs)
