"""What documents show, and the command line that a reader would type it on."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.command_line import Answer, CommandLine

SHOWN = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$|`(newsletter [^`\n]+)`", re.MULTILINE | re.DOTALL)
SAMPLES = {"kind": "file", "path": "samples/arxiv-sample.xml", "redate": True}


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a Markdown text in ``language``, in order, without what they are indented by."""
    fences = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"(?m)^{indent}", "", block) for indent, block in fences]


def command_lines(text: str) -> list[str]:
    """Return every ``newsletter …`` that a Markdown text shows, in blocks of shell and within sentences, in order."""
    found: list[str] = []
    for language, block, inline in SHOWN.findall(re.sub(r"(?m)^ +(?=```|newsletter )", "", text)):
        lines = block.replace("\\\n", " ").splitlines() if language == "sh" else [inline]
        found += [line for line in lines if line.startswith("newsletter ")]
    return found


def words_of(line: str, stand_ins: Mapping[str, str]) -> list[str]:
    """Return what stands after ``newsletter``, without --config and remarks, with ``stand_ins`` in place of words."""
    words = shlex.split(line, comments=True)[1:]
    if "--config" in words:
        at = words.index("--config")
        del words[at : at + 2]
    return [stand_ins.get(word, word) for word in words]


def type_in(newsletter: CommandLine, line: str, stand_ins: Mapping[str, str], answer: str = "") -> Answer:
    """Run a command line that a document shows; what never ends only says what it would do."""
    words = words_of(line, stand_ins)
    is_endless = words[:1] in (["run"], ["worker"]) or words[:2] == ["templates", "serve"]
    return newsletter(*words, *(["--help"] if is_endless else []), answer=answer)


def take_off_the_network(directory: Path) -> None:
    """Let the sources of a shipped configuration read the bundled samples, and its servers take any free port."""
    path = directory / "newsletter.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["sources"] |= {"arxiv": SAMPLES, "huggingface": SAMPLES}
    settings["mail"]["catcher"]["port"] = settings["web"]["port"] = 0
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
