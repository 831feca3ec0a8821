"""Draws the storm: the number of online POSes over time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLOURS = ("#6b7280", "#0f766e", "#b45309", "#6d28d9")


def draw(file: Path, results: Mapping[str, Sequence[Mapping[str, Any]]], count: int) -> None:
    """Write the chart to a file; needs matplotlib (requirements-benchmarks.lock)."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "storm"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4))
    for (name, rounds), colour in zip(results.items(), COLOURS, strict=False):
        chosen = sorted(rounds, key=lambda each: each["seconds"])[(len(rounds) - 1) // 2]
        moments = sorted(chosen["online_at"])
        online = [count * (position + 1) / len(moments) for position in range(len(moments))]
        axes.step([0, *moments], [0, *online], where="post", label=name, color=colour, linewidth=2)
    axes.set_xlabel("seconds after all POSes connected at once")
    axes.set_ylabel("POSes online")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None}, facecolor="white")
