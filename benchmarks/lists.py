"""Measure the time and the queries of each list and page of the portal on a large database and on a small one.

.venv/bin/python benchmarks/lists.py [--scale 1] [--rounds 5] [--only TEXT]
                                     [--own-time] [--database-url URL --small-database-url URL]

Two temporary databases are filled: a small one, in which each list has one full page for every user, and a large one
with 1,000,000 requests, 100,000 connections and 10,000 outlets (times --scale). Each page is then requested on both in
turn, by an administrator of all organisations and by one who is limited to one chain. Each list of the API is requested
in the same way, with a key for all organisations and with one for a chain. The exit code is 1 if a page needs more than
10 queries (including those for the session and the person), or takes more than twice as long as on the small database.
Among 250 medians of a few rounds, some are too slow by chance, so a slow page is measured again with five times as
many rounds.
Databases given by URL are migrated, and filled if they are empty: use disposable ones. --own-time measures the CPU time
of the querying process, which other load on the machine affects less. With SQLite, this includes the database's work.
Whatever --scale is, the large database gets at least as many requests, connections and outlets as the small one.
"""

import argparse
import json
import os
import platform
import secrets
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SMALL = (1_000, 1_000, 200)  # numbers of requests, connections and outlets (four chains of 50 outlets)
LARGE = (1_000_000, 100_000, 10_000)
MOST_QUERIES, MOST_TIMES = 10, 2.0
LONG_SESSION = {"REAUTHENTICATE_SECONDS": "86400"}  # sensitive pages must not ask for the password again during a run
AGAIN = 5  # factor for the number of rounds when a slow query is measured again
# Medians of five rounds can differ by this many milliseconds on a machine with other load.
NOISE_MS = 10.0


class QueryProcess:
    """The process that queries one database."""

    def __init__(self, database_url: str, size: Sequence[int], *, own_time: bool) -> None:
        environment = os.environ | {"DATABASE_URL": database_url, "SECRET_KEY": secrets.token_urlsafe(64)}
        environment |= LONG_SESSION
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "lists_asker.py"), *map(str, size), *(["--own-time"] if own_time else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment | {"LOG_LEVEL": "ERROR"},
            text=True,
        )

    def ask(self, name: str, *, is_counted: bool = False) -> dict[str, float]:
        assert self._process.stdin
        print(json.dumps([name, is_counted]), file=self._process.stdin, flush=True)
        answer: dict[str, float] = self.listen()
        return answer

    def listen(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            sys.exit("A database could not be filled or queried; see above.")
        return json.loads(line)

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(60)


@dataclass(frozen=True)
class Figures:
    """The figures of one page or API list on one database: the median milliseconds, the SQL queries, and the rows."""

    ms: float
    queries: int
    rows: int


@dataclass(frozen=True)
class Line:
    """A query with its figures on both databases.

    The time on the large database is compared with `like`, a time on the small one (see `_comparable_ms`).
    """

    name: str
    small: Figures
    large: Figures
    like: float

    @property
    def times(self) -> float:
        return self.large.ms / self.like

    @property
    def is_slow(self) -> bool:
        return self.times > MOST_TIMES and self.large.ms - self.like > NOISE_MS

    @property
    def is_wrong(self) -> bool:
        return self.is_slow or max(self.small.queries, self.large.queries) > MOST_QUERIES


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as folder:
        print("filling the small database, then the large one", file=sys.stderr, flush=True)
        small = QueryProcess(
            options.small_database_url or f"sqlite:///{folder}/small.sqlite3", SMALL, own_time=options.own_time
        )
        names = small.listen()["names"]
        sizes = [max(least, int(n * options.scale)) for n, least in zip(LARGE, SMALL, strict=True)]
        large_url = options.database_url or f"sqlite:///{folder}/large.sqlite3"
        large = QueryProcess(large_url, sizes, own_time=options.own_time)
        print(f"filled in {large.listen()['seconds']:.0f} s", file=sys.stderr, flush=True)
        print_head()
        lines = compare(small, large, list(chosen(names, options.only)), options.rounds)
        small.close()
        large.close()
    wrong = sum(line.is_wrong for line in lines)
    print(f"{len(lines)} pages; {wrong} with more than {MOST_QUERIES} queries or {MOST_TIMES} times the time")
    sys.exit(any(line.is_wrong for line in lines))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--own-time", action="store_true")
    parser.add_argument("--database-url", default="")
    parser.add_argument("--small-database-url", default="")
    options = parser.parse_args()
    if bool(options.database_url) != bool(options.small_database_url):
        parser.error("give the URLs of both databases, or none")
    return options


def chosen(names: Sequence[str], only: str) -> Iterator[str]:
    """Yield the query names that contain `only`, and those of the unfiltered lists that these are compared with."""
    wanted = [name for name in names if only in name]
    yield from (name for name in names if any(other.startswith(name) for other in wanted))


def compare(small: QueryProcess, large: QueryProcess, names: Sequence[str], rounds: int) -> list[Line]:
    """Return each query's line, and print it at once. The databases take turns, so other load affects both equally."""
    found: dict[str, tuple[Figures, Figures]] = {}
    lines = []
    for name in names:
        paired = PairedQuery(small, large, name)
        line = paired.line(rounds, found)
        if line.is_slow:
            line = paired.line(AGAIN * rounds, found)
        lines.append(line)
        print_line(line)
    return lines


class PairedQuery:
    """One query that runs on both databases in turn."""

    def __init__(self, small: QueryProcess, large: QueryProcess, name: str) -> None:
        self._processes, self._name = (small, large), name
        self._counts = [each.ask(name, is_counted=True) for each in self._processes]
        self._times: list[tuple[float, ...]] = []

    def line(self, rounds: int, found: dict[str, tuple[Figures, Figures]]) -> Line:
        """Run this number of further rounds. Return the figures of all rounds so far, and store them in `found`."""
        self._times += [tuple(each.ask(self._name)["ms"] for each in self._processes) for _ in range(rounds)]
        small, large = (
            Figures(statistics.median(ms), int(count["queries"]), int(count["rows"]))
            for ms, count in zip(zip(*self._times, strict=True), self._counts, strict=True)
        )
        found[self._name] = small, large
        return Line(self._name, small, large, like=_comparable_ms(self._name, found))


def _comparable_ms(name: str, found: dict[str, tuple[Figures, Figures]]) -> float:
    """Return the time on the small database, in milliseconds, to compare with the query's time on the large one.

    Usually this is the time of the same query. If the query finds more rows on the large database, the list that it
    filters or searches is a fairer comparison. The time of that list on the small database is then returned instead,
    if it is longer. The list must have at least as many rows there as the query finds on the large database.
    """
    small, large = found[name]
    if small.rows >= large.rows:
        return small.ms
    wholes = [figures[0] for other, figures in found.items() if name.startswith(other)]
    return max([small.ms, *(whole.ms for whole in wholes if whole.rows >= large.rows)])


def print_head() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("| What | Queries | Rows, small and large | Small, ms | Large, ms | Times |  |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")


def print_line(line: Line) -> None:
    cells = (
        line.name,
        max(line.small.queries, line.large.queries),
        f"{line.small.rows} / {line.large.rows}",
        f"{line.like:.1f}",
        f"{line.large.ms:.1f}",
        f"{line.times:.2f}",
        "TOO MUCH" if line.is_wrong else "",
    )
    print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main()
