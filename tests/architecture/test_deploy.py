"""What ``config/deploy`` holds: it parses, keeps its promises, and names only what is there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from newsletter.metrics import Metrics
from newsletter.settings.example import example_directory, write_example
from newsletter.settings.explain import models
from newsletter.settings.models import Settings
from newsletter.settings.reference import environment_name
from newsletter.store.sql import open_store
from newsletter.vitals import Vitals
from tests.support.command_line import CommandLine
from tests.support.stored import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import BaseModel

FOLDER = example_directory() / "deploy"
UNITS = (FOLDER / "newsletter.service", FOLDER / "newsletter-worker@.service")
PARTS = ("_total", "_bucket", "_sum", "_count")


def metric_names(tmp_path: Path) -> set[str]:
    """Return every name that a scrape may show, with those that Prometheus makes of histograms and counters."""
    metrics = Metrics(open_store(f"sqlite:///{tmp_path}/x.db"), Vitals("1.0"), lambda: NOW)
    metrics._vitals.line_ran(NOW)
    found: set[str] = set()
    for family in metrics.registry.collect():
        parts = {"counter": ("_total",), "histogram": PARTS[1:]}.get(family.type, ("",))
        found |= {family.name + part for part in parts}
    gauges = metrics.names() - {family.name for family in metrics.registry.collect()}
    return found | gauges


def expressions() -> list[str]:
    rules = yaml.safe_load((FOLDER / "prometheus-alerts.yaml").read_text())
    dashboard = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    asked = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    asked += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return asked + [variable["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]


def test_rules_and_dashboard_ask_for_metrics_that_are_there(tmp_path: Path) -> None:
    there = metric_names(tmp_path)
    asked = {name for text in expressions() for name in re.findall(r"\b(?:newsletter|process)_\w+", text)}
    assert asked - there == set()
    assert len(asked) > 15


def test_the_page_tells_every_metric_and_no_other(tmp_path: Path) -> None:
    page = (FOLDER.parents[1] / "docs" / "operations.md").read_text()
    told = set(re.findall(r"(?m)^\| `(newsletter_\w+)` \|", page))
    histograms = ("_bucket", "_sum", "_count")
    there = {name for name in metric_names(tmp_path) if name.startswith("newsletter_")}
    assert told == {name for name in there if not name.endswith(histograms)} | {
        name.removesuffix("_bucket") for name in there if name.endswith("_bucket")
    }
    named = set(re.findall(r"`((?:process)_\w+)`", page))
    assert named == {name for name in metric_names(tmp_path) if name.startswith("process_")}


def test_every_rule_says_what_is_wrong_and_how_bad() -> None:
    for group in yaml.safe_load((FOLDER / "prometheus-alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"]["summary"].endswith(".")
            assert rule["labels"]["severity"] in ("critical", "warning")


def test_every_panel_has_its_place_and_its_words() -> None:
    panels = json.loads((FOLDER / "grafana-dashboard.json").read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["title"]
        assert panel["description"]
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


def unit_lines(unit: Path) -> list[tuple[str, str]]:
    lines = (line.strip() for line in unit.read_text().splitlines())
    pairs = [line.partition("=") for line in lines if line and not line.startswith(("#", "["))]
    assert all(separator for _, separator, _ in pairs)
    return [(key, value) for key, _, value in pairs]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_unit_is_hardened_and_watched(unit: Path) -> None:
    lines = unit_lines(unit)
    for needed in (
        ("Type", "notify"),
        ("WatchdogSec", "60"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("CapabilityBoundingSet", ""),
        ("StateDirectory", "newsletter"),
        ("SystemCallFilter", "@system-service"),
    ):
        assert needed in lines
    timeouts = dict(lines)
    assert int(timeouts["TimeoutStopSec"]) > Settings.model_fields["deliver"].default_factory().shutdown_s  # type: ignore[call-arg,misc]
    assert "LoadCredential=" in (FOLDER / "newsletter.service.d" / "secrets.conf").read_text()


if shutil.which("systemd-analyze"):  # where systemd is; a skipped test would be a failed one elsewhere

    @pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
    def test_systemd_understands_the_unit_and_finds_it_safe(tmp_path: Path, unit: Path) -> None:
        text = unit.read_text().replace("/opt/newsletter/bin/newsletter", "/bin/true")
        copy = tmp_path / unit.name.replace("@", "@1")
        copy.write_text(re.sub(r"(?m)^(User|Group)=.*$", r"\1=daemon", text))
        folder = tmp_path / "newsletter.service.d"
        shutil.copytree(FOLDER / "newsletter.service.d", folder)
        verified = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
        )
        assert (verified.returncode, verified.stderr) == (0, "")
        judged = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(copy)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert judged.returncode == 0, judged.stdout


def setting_variables(model: type[BaseModel], path: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield environment_name(path, name)
        for section in models(field.annotation):
            yield from setting_variables(section, f"{path}.{name}".strip("."))


def test_every_variable_named_is_a_setting() -> None:
    known = {*setting_variables(Settings), "NEWSLETTER_CONFIG"}
    for path in FOLDER.rglob("*"):
        if path.is_file():
            named = set(re.findall(r"\bNEWSLETTER_[A-Z_]+\b", path.read_text()))
            assert named - known == set(), path


def test_the_image_runs_without_rights_and_copies_what_is_there() -> None:
    text = (FOLDER / "Containerfile").read_text()
    stages = text.split("\nFROM ")
    assert len(stages) == 3
    assert re.search(r"(?m)^USER \d+:\d+$", stages[2])
    assert re.search(r"(?m)^HEALTHCHECK .*CMD \[\"python\"", stages[2])
    assert 'VOLUME ["/data"]' in stages[2]
    copied = [name for line in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", text) for name in line.split()]
    ignored = (FOLDER / "Containerfile.dockerignore").read_text()
    assert len(copied) > 5
    for name in copied:
        assert (FOLDER.parents[1] / name).exists()
        assert f"!{name}" in ignored.splitlines()
    code = re.search(r'"(import http.*)"\]', text)
    assert code
    compile(code[1], "healthcheck", "exec")


def test_the_worker_differs_from_the_daemon_in_what_it_runs_alone() -> None:
    daemon, worker = (dict(unit_lines(unit)) for unit in UNITS)
    differing = {key for key in daemon | worker if daemon.get(key) != worker.get(key)}
    assert differing == {"Description", "ExecStart"}
    assert worker["ExecStart"].endswith(" worker --port %i")  # or nobody sees its figures


def test_every_command_that_is_started_is_there() -> None:
    compose: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    started = [compose["services"][name]["command"] for name in ("newsletter", "worker")]
    started += [dict(unit_lines(unit))["ExecStart"].split()[3:] for unit in UNITS]
    for words in started:
        assert CommandLine(FOLDER)(*words, "--help").code == 0, words


def test_the_containers_are_read_only_and_keep_their_secrets_in_files() -> None:
    compose: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    assert set(compose["services"]) == {"newsletter", "worker", "database"}
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert set(service["secrets"]) <= set(compose["secrets"])
        secret = [name for name in service["environment"] if re.search(r"PASSWORD|SECRET|TOKEN|URL$", name)]
        assert [name for name in secret if not name.endswith(("_FILE", "PUBLIC_URL"))] == []
    assert "healthcheck" in compose["services"]["database"]
    assert (FOLDER / compose["services"]["newsletter"]["build"]["context"] / "pyproject.toml").exists()


def test_a_new_configuration_holds_none_of_it(tmp_path: Path) -> None:
    assert not [path for path in write_example(tmp_path / "new") if "deploy" in path.parts]
