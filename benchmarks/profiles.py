"""Show which functions take the most time, during authentications and during requests to a POS.

.venv/bin/python benchmarks/profiles.py [--seconds 5] [--callers 32] [--lines 3]

While callers use the portal's server, py-spy samples which function runs, in all threads. It counts a sample only if
the thread holds Python's lock, so waiting for the disk, the network or another thread does not count. The cost of a
function is the server's CPU time for one authentication or one request, multiplied by the function's share of the
samples. The functions that it calls are counted separately.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import relay
import uvloop
from callers import http_request, measure

SAMPLES_PER_SECOND = "400"
EXTRA_SECONDS = 1.0  # time for py-spy to start; the callers send requests meanwhile
AUTH_FIELDS = ("ProviderOutletID", "POSRemoteID", "AuthSecret")
FRAME = re.compile(r"(.*) \((.*):\d+\)")  # function, file and line


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        for target in targets(Path(folder), stack):
            uvloop.run(measure(target.port, target.requests, options.callers, relay.WARM_UP_SECONDS))
            show(target, Path(folder) / "samples", options)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--lines", type=int, default=3)
    return parser.parse_args()


def targets(folder: Path, stack: ExitStack) -> Iterator[relay.Target]:
    """Start the portal, and yield a target for each kind of call."""
    options = argparse.Namespace(outlets=16, database_url="", redis_url="", peers=False)
    _, poll, durable = relay.set_up(folder, options, stack)
    handovers, _ = relay.make_outlets(options.outlets)
    yield relay.Target("authentication", poll.port, [authentication(each) for each in handovers], poll.pid)
    yield from (poll, durable)


def authentication(handover: dict[str, str]) -> bytes:
    body = json.dumps({name: handover[name] for name in AUTH_FIELDS}).encode()
    return http_request("/api/powerepos/v1/auth", body, "Content-Type: application/json\r\n")


def show(target: relay.Target, samples: Path, options: argparse.Namespace) -> None:
    """Call the target, and print the functions that take the most time."""
    with ThreadPoolExecutor(1) as thread:
        sampling = thread.submit(sample, target.pid, options.seconds, samples)
        figures = relay.measure_target(target, options.callers, options.seconds + EXTRA_SECONDS)
        sampling.result()
    counts = own_samples(samples.read_text().splitlines())
    print(f"{target.name}: {figures.rate:,.0f} a second, {figures.cpu * 1000:,.0f} us of CPU each")
    for function, count in counts.most_common(options.lines):
        share = count / counts.total()
        print(f"  {share:6.1%}  {share * figures.cpu * 1000:5.0f} us  {function}")


def sample(pid: int, seconds: float, samples: Path) -> None:
    program = Path(sys.executable).parent / "py-spy"
    command: Sequence[str | os.PathLike[str]] = [
        program, "record", "--gil", "--nonblocking", "--rate", SAMPLES_PER_SECOND, "--duration", str(round(seconds)),
        "--format", "raw", "--output", samples, "--pid", str(pid),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)


def own_samples(lines: Sequence[str]) -> collections.Counter[str]:
    """Return how often each function was the innermost; a line is `outer;inner;innermost count`."""
    counts: collections.Counter[str] = collections.Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        if found := FRAME.fullmatch(stack.rpartition(";")[2]):
            counts[f"{found[1]} ({found[2]})"] += int(count)
    return counts


if __name__ == "__main__":
    main()
