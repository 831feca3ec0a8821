"""Reads the code blocks of the documents, and runs their commands one block after another, as a reader does."""

import json
import re
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.project import PROJECT

DOCUMENTED_URL = "http://127.0.0.1:8000"
_BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_EXPECTED = re.compile(r"^ *print\(.*\)  # (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A code block: Python if `is_python`, otherwise shell commands."""

    text: str
    is_python: bool

    @property
    def expected(self) -> list[str]:
        """Return the lines that Python prints according to the document."""
        return _EXPECTED.findall(self.text)

    def is_output(self, printed: str) -> bool:
        """Return whether `printed` is the output that the comments directly below the commands describe.

        `...` in a comment stands for any text. Spaces and line ends are ignored.
        """
        described = "".join("".join(_output_comments(self.text, "#")).split()) or "..."
        parts = re.split(r",?\.\.\.,?", described)  # `...` can match nothing, so the commas around it are optional
        return re.fullmatch(".*".join(map(re.escape, parts)), "".join(printed.split())) is not None


def blocks_of(document: str) -> list[Block]:
    """The Python and shell blocks of a document, such as `docs/api.md`, without their indentation."""
    found = _all_blocks(document)
    return [Block(text, language == "python") for language, text in found if language in ("python", "sh")]


def texts_of(document: str, language: str) -> list[str]:
    """The blocks of a document in a language such as `yaml`, without their indentation."""
    return [text for its, text in _all_blocks(document) if its == language]


def logged_by(program: str) -> list[str]:
    """Return the lines that a TypeScript program logs according to its comments (see `_output_comments`)."""
    return list(_output_comments(program, "//"))


def _output_comments(program: str, mark: str) -> Iterator[str]:
    """Yield the comments that describe output: beside `console.log`, or directly below a line of code."""
    follows_code = False
    for line in map(str.strip, program.splitlines()):
        if line.startswith(mark):
            if follows_code:
                yield line.removeprefix(mark).strip()
            continue
        follows_code = bool(line)
        if beside := re.search(rf"console\.log\(.*; {mark} (.+)$", line):
            yield beside[1]


def _all_blocks(document: str) -> list[tuple[str, str]]:
    text = (PROJECT / document).read_text(encoding="utf-8")
    return [(language, textwrap.dedent(block)) for language, block in _BLOCK.findall(text)]


class Reader:
    """Runs blocks in one shell environment, with the documented URL replaced by the server's."""

    def __init__(self, base_url: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._base_url = base_url
        self._folder = folder
        self.environment = dict(environment)

    def run_shell(self, commands: str) -> str:
        """Run the commands, which must all succeed, and return their output. Exported variables persist."""
        exported = self._folder / ".exported"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{self._here(commands)}\nenv -0 > .exported"],
            cwd=self._folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        lines = exported.read_text(encoding="utf-8").split("\0")
        self.environment = dict(line.split("=", 1) for line in lines if line)
        return done.stdout

    def _here(self, text: str) -> str:
        return text.replace(DOCUMENTED_URL, self._base_url)


def answers_in(output: str) -> Iterator[dict[str, Any]]:
    """Yield each JSON object in the output of some commands."""
    decoder, at = json.JSONDecoder(), 0
    while (at := output.find("{", at)) >= 0:
        found, at = decoder.raw_decode(output, at)
        yield found
