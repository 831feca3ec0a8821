"""Formats the figures as Markdown tables. Pure: figures in, text out."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]
Rounds = Sequence[Figures]


def middle(rounds: Rounds, name: str) -> float:
    """Return the median of one figure over the rounds."""
    return float(statistics.median(each[name] for each in rounds))


def storm_table(results: Mapping[str, Rounds], count: int, bare: str) -> str:
    """Return the table of the storms, with time and CPU relative to the bare program, which is the fastest possible."""
    columns = (
        f"{count:,} POSes",
        *("All online, s", "Relative to the limit", "CPU each, ms", "Relative to the limit"),
        "Lost",
        "Retried",
        "Authenticate p50 / p99, s",
        "Connect p50 / p99, s",
        "Client's CPU, s",
        "Load",
    )
    lines = [f"| {' | '.join(columns)} |", f"| --- |{' ---: |' * (len(columns) - 1)}"]
    limit = results.get(bare)
    for name, rounds in results.items():
        seconds, cpu = middle(rounds, "seconds"), middle(rounds, "cpu") / count * 1000
        beside_time = seconds / middle(limit, "seconds") if limit else 0
        beside_cpu = middle(rounds, "cpu") / middle(limit, "cpu") if limit else 0
        steps = " | ".join(
            f"{middle(rounds, f'{step}_p50'):.1f} / {middle(rounds, f'{step}_p99'):.1f}"
            for step in ("authentication", "connection")
        )
        lost, retried = max(each["lost"] for each in rounds), max(each["retried"] for each in rounds)
        lines.append(
            f"| {name} | {seconds:.1f} | {beside_time:.2f} | {cpu:.2f} | {beside_cpu:.2f} | {lost} | {retried} "
            f"| {steps} | {middle(rounds, 'client_cpu'):.1f} | {middle(rounds, 'load'):.0f} |"
        )
    return "\n".join(lines)


def idle_table(results: Mapping[str, Rounds], alone: Mapping[str, Figures]) -> str:
    """Return the table of the cost of idle connections; `alone` has each program's figures without connections."""
    lines = [
        "| Idle | KiB a connection | CPU with them, % of a core | CPU without them | Lost |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, rounds in results.items():
        lost = sum(sum(each["lost_while_idle"].values()) for each in rounds)
        lines.append(
            f"| {name} | {middle(rounds, 'kib_per_connection'):.1f} | {middle(rounds, 'idle_share'):.1%} "
            f"| {alone[name]['idle_share']:.1%} | {lost} |"
        )
    return "\n".join(lines)


def rate_table(results: Mapping[str, Rounds], bare: str) -> str:
    """Return the table of authentication rates, CPU costs and latencies."""
    ratio = "Relative to the limit"
    lines = [
        f"| Authentications | A second | {ratio} | CPU each, µs | {ratio} | p50 / p99, ms | Client |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    limit = results.get(bare)
    for name, rounds in results.items():
        each = middle(rounds, "rate")
        cpu = middle(rounds, "cpu_each")
        part = f"{each / middle(limit, 'rate'):.2f}" if limit else ""
        beside = f"{cpu / middle(limit, 'cpu_each'):.2f}" if limit else ""
        steps = f"{middle(rounds, 'step_p50') * 1000:.0f} / {middle(rounds, 'step_p99') * 1000:.0f}"
        share = middle(rounds, "client_share")
        lines.append(f"| {name} | {each:,.0f} | {part} | {cpu * 1e6:.0f} | {beside} | {steps} | {share:.0%} |")
    return "\n".join(lines)


def single(title: str, rounds: Rounds, names: Mapping[str, str]) -> str:
    """Return a list with the name and the median of each figure."""
    lines = [f"**{title}**", ""]
    lines += [f"- {words}: {middle(rounds, name):,.2f}" for name, words in names.items()]
    return "\n".join(lines)
