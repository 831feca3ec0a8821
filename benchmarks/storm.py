"""Measure a reconnect storm of all POSes on the portal, on a bare ASGI program and on two other implementations.

script/bootstrap requirements-benchmarks.lock
(cd benchmarks/peers/fastify_portal && npm ci)
.venv/bin/python benchmarks/storm.py [--count 10000] [--rounds 3] [--only storm,rate,pages,flood,adopted,processes]
        [--programs bare,portal,fastapi,fastify] [--adopted 200] [--json FILE] [--plot FILE]
        [--database-url postgres://... --redis-url redis://... [--core-share 0.25]]

The server runs on one core, and everything else on another. Each program is started fresh for each storm, as after a
deploy. The programs take turns, so other load affects all equally. `processes` measures one server process, then two.
It needs PostgreSQL and Redis; the database is migrated and filled, so use a disposable one. --core-share limits each
of these processes to this share of a core (by a cgroup, as root). This simulates a machine with more cores, where the
client, PostgreSQL and Redis do not compete with the servers.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from storming import outlets, plot, programs, report, scenarios
from storming.outlets import Claim
from storming.processes import Cores, check_file_limit, free_port
from storming.scenarios import Setting

SCENARIOS = ("storm", "rate", "pages", "flood", "adopted", "processes")
NAMES = dict(zip(("bare", "portal", "fastapi", "fastify"), programs.ALL, strict=True))

Results = dict[str, Any]


def main() -> None:
    options = read_options()
    check_file_limit(options.count)
    with tempfile.TemporaryDirectory() as folder:
        setting = set_up(Path(folder), options)
        results = run(setting, options)
    print(shown(results, options))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "count": options.count, **results}, indent=1))
    if options.plot and "storm" in results:
        plot.draw(options.plot, results["storm"], options.count)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(SCENARIOS))
    parser.add_argument("--programs", default=",".join(NAMES))
    parser.add_argument("--adopted", type=int, default=200)
    parser.add_argument("--database-url", default="")
    parser.add_argument("--redis-url", default="")
    parser.add_argument("--core-share", type=float, default=1.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    options.only = chosen(parser, options.only, SCENARIOS)
    options.programs = [NAMES[name] for name in chosen(parser, options.programs, tuple(NAMES))]
    if "processes" in options.only and not (options.database_url and options.redis_url):
        options.only.remove("processes")
        print("processes: left out, because --database-url and --redis-url are not given", file=sys.stderr)
    return options


def chosen(parser: argparse.ArgumentParser, text: str, known: tuple[str, ...]) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in known:
            parser.error(f"{name} is not one of {', '.join(known)}")
    return names


def set_up(folder: Path, options: argparse.Namespace) -> Setting:
    outlets.configure(folder, free_port())
    outlets.manage("migrate", "--verbosity", "0")
    claims = outlets.enable(folder, options.count)
    outlets.fill_peers(programs.peers_database(folder), claims)
    return Setting(folder, Cores.of_this_machine(1), claims)


def run(setting: Setting, options: argparse.Namespace) -> Results:
    results: Results = {}
    for number in range(options.rounds):
        for scenario in options.only:
            print(f"round {number + 1}: {scenario}", file=sys.stderr, flush=True)
            RUN[scenario](setting, options, results)
    if "storm" in options.only:
        results["alone"] = {name: scenarios.unconnected(setting, name) for name in options.programs}
    return results


def run_storm(setting: Setting, options: argparse.Namespace, results: Results) -> None:
    for name in options.programs:
        note(results, "storm", name, scenarios.storm(setting, name))


def run_rate(setting: Setting, options: argparse.Namespace, results: Results) -> None:
    for name in options.programs:
        note(results, "rate", name, scenarios.rate(setting, name))


def run_pages(setting: Setting, _options: argparse.Namespace, results: Results) -> None:
    note(results, "pages", programs.PORTAL, scenarios.pages(setting))


def run_flood(setting: Setting, _options: argparse.Namespace, results: Results) -> None:
    note(results, "flood", "without", scenarios.storm(setting, programs.PORTAL, idle=False))
    note(results, "flood", "with", scenarios.flooded(setting))


def run_adopted(setting: Setting, options: argparse.Namespace, results: Results) -> None:
    if "adopted_claims" not in ADOPTED:
        ADOPTED["adopted_claims"] = outlets.enable(setting.folder, options.adopted, adopted=True)
    note(results, "adopted", programs.PORTAL, scenarios.adopted(setting, ADOPTED["adopted_claims"]))


def run_processes(setting: Setting, options: argparse.Namespace, results: Results) -> None:
    before = dict(os.environ)
    outlets.configure(
        setting.folder,
        free_port(),
        database_url=options.database_url,
        redis_url=options.redis_url,
    )
    os.environ["SECRET_KEY"] = before["SECRET_KEY"]
    outlets.manage("migrate", "--verbosity", "0")
    there = Setting(setting.folder, setting.cores, outlets.enable(setting.folder, options.count))
    for workers in (1, 2):
        note(results, "processes", str(workers), scenarios.processes(there, workers, options.core_share))
    os.environ |= before


# The outlets with adopted secrets are enabled only once per run, because enabling takes 0.1 s for each outlet.
ADOPTED: dict[str, list[Claim]] = {}
RUN = {
    "storm": run_storm,
    "rate": run_rate,
    "pages": run_pages,
    "flood": run_flood,
    "adopted": run_adopted,
    "processes": run_processes,
}


def note(results: Results, scenario: str, name: str, figures: scenarios.Figures) -> None:
    brief = {key: value for key, value in figures.items() if key != "online_at"}
    print(f"  {name}: {json.dumps(brief)}", file=sys.stderr, flush=True)
    results.setdefault(scenario, {}).setdefault(name, []).append(figures)


def shown(results: Results, options: argparse.Namespace) -> str:
    parts = [machine()]
    if "storm" in results:
        parts += [
            report.storm_table(results["storm"], options.count, programs.BARE),
            report.idle_table(results["storm"], results["alone"]),
        ]
    if "rate" in results:
        parts.append(report.rate_table(results["rate"], programs.BARE))
    for scenario, by_name in results.items():
        if scenario in LINES:
            parts += [report.single(f"{scenario}: {name}", rounds, LINES[scenario]) for name, rounds in by_name.items()]
    return "\n\n".join(parts)


LINES = {
    "pages": {
        "page_p50": "page p50, s",
        "page_p99": "page p99, s",
        "slowest_page": "slowest page, s",
        "seconds": "storm, s",
    },
    "flood": {"seconds": "all online, s", "cpu": "CPU, s", "lost": "lost"},
    "adopted": {"seconds": "all online, s", "retried": "retried", "lost": "lost", "cpu": "CPU, s"},
    "processes": {
        "seconds": "all online, s",
        "cpu": "CPU, s",
        "lost": "lost",
        "rate_at_64": "authentications a second, 64 at a time",
        "client_share_at_64": "of a core that the client took for these",
    },
}


def machine() -> str:
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"


if __name__ == "__main__":
    main()
