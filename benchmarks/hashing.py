"""Measure the CPU time to check a generated secret, to check an adopted one, and to adopt one.

.venv/bin/python benchmarks/hashing.py [--times 20]
"""

import argparse
import os
import secrets
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(64))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    times: int = parser.parse_args().times
    django.setup()
    from integrations.security import secret_digests
    from integrations.security.secret_digests import SecretKind

    generated, adopted = secret_digests.generate(SecretKind.POS_SECRET), secrets.token_urlsafe(16)
    stored = secret_digests.digest_adopted(adopted).value
    measured = {
        "check a generated secret": lambda: secret_digests.keyed_digests(generated),
        "check an adopted secret": lambda: secret_digests.verify_adopted(adopted, stored),
        "adopt a secret": lambda: secret_digests.digest_adopted(adopted),
    }
    for name, call in measured.items():
        print(f"{name}: {median_of(call, times):.3f} ms")


def median_of(call: Callable[[], object], times: int) -> float:
    """Return the median CPU time of a call, in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return statistics.median(taken) * 1_000


if __name__ == "__main__":
    main()
