"""Settings from the environment: ``NEWSLETTER_MAIL__RELAY__PASSWORD`` is ``mail.relay.password``.

The mapping is handed in, so that nothing but the command line's own door reads the process's environment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic_settings import EnvSettingsSource, SettingsError

from newsletter.model import Problem
from newsletter.settings.models import Settings
from newsletter.settings.values import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

PREFIX = "NEWSLETTER_"
DELIMITER = "__"


@dataclass(frozen=True, slots=True)
class EnvironmentValues:
    """What the environment says: nested values, the variable behind each value, and what is wrong or odd."""

    values: dict[str, Any] = field(default_factory=dict)
    names: dict[tuple[str, ...], str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class OneVariable(EnvSettingsSource):
    """pydantic-settings' own reading of a variable, of one that is handed in."""

    def __init__(self, name: str, value: str) -> None:
        self.variable = {name.lower(): value}
        super().__init__(Settings)

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Return what JSON says, where it is JSON: a mailbox is complex for pydantic, and plain text for people."""
        if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
            return super().decode_complex_value(field_name, field, value)
        return value

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self.variable


def read_environment(environment: Mapping[str, str]) -> EnvironmentValues:
    """Return what variables beginning with ``NEWSLETTER_`` set. Empty ones count as not set."""
    found = EnvironmentValues()
    ours = [name for name in environment if name.upper().startswith(PREFIX) and environment[name]]
    for name in sorted(ours, key=lambda name: (name.count(DELIMITER), name)):
        path = tuple(name[len(PREFIX) :].lower().split(DELIMITER))
        if path[0] not in Settings.model_fields:
            found.problems.extend(_unknown(name, path))
            continue
        try:
            values = OneVariable(name, environment[name])()
        except SettingsError:
            advice = "groups and lists are written as JSON; better set their keys one by one (NEWSLETTER_MAIL__SENDER)"
            found.problems.append(Problem(place_of(name), 0, 0, "the value is not JSON", advice))
            continue
        merge(found.values, values)
        found.names.update(dict.fromkeys(leaves(values), name))
    return found


def leaves(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of all values that are no groups."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def place_of(name: str) -> str:
    """Return how a problem in a variable is placed."""
    return f"environment variable {name}"


def _unknown(name: str, path: tuple[str, ...]) -> list[Problem]:
    """Return the problem with a variable that names no setting; one that may be somebody else's is let be.

    Kubernetes, for one, sets NEWSLETTER_SERVICE_HOST where a service is called newsletter.
    """
    advice = suggestion(path[0], Settings.model_fields)
    if len(path) == 1 and not advice:
        return []
    severity = "error" if len(path) > 1 else "warning"
    return [Problem(place_of(name), 0, 0, f"there is no setting “{'.'.join(path)}”", advice, severity)]


def merge(target: dict[str, Any], stronger: Mapping[str, Any]) -> None:
    """Put ``stronger`` over ``target``, key by key. A secret displaces its ``_file`` twin, and the other way round."""
    for key, value in stronger.items():
        target.pop(key.removesuffix("_file") if key.endswith("_file") else f"{key}_file", None)
        present = target.get(key)
        if isinstance(value, dict):
            merged = dict(present) if isinstance(present, dict) else {}
            merge(merged, value)
            target[key] = merged
        else:
            target[key] = value
