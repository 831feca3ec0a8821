"""One database of benchmarks/lists.py: fills it, then answers each line on standard input with a figure, as JSON.

A process of its own, because Django knows one database by its name, and because neither is to warm the other's caches.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

# What every page of staff asks first: who this is, and what this person may do and see.
OF_THE_PERSON = ("django_session", "auth_user", "auth_permission", "integrations_stafflimit")
PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    sys.path.insert(0, str(PROJECT))
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from lists_pages import pages
    from lists_seed import Size, seed

    from integrations.models import Request

    began = time.perf_counter()
    if not Request.objects.exists():
        seed(Size(*map(int, sys.argv[1:4])), random.Random(1))
    asks = pages()
    tell({"names": list(asks), "seconds": time.perf_counter() - began})
    for line in sys.stdin:
        name, is_counted = json.loads(line)
        tell(count(asks[name]) if is_counted else measure(asks[name]))


def count(ask: Callable[[], int]) -> dict[str, float]:
    """Return how many statements an ask sends, and how many rows it gets."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as sent:
        rows = ask()
    own = [each for each in sent if not any(f'"{table}"' in each["sql"] for table in OF_THE_PERSON)]
    return {"queries": len(own), "of the person": len(sent) - len(own), "rows": rows}


def measure(ask: Callable[[], int]) -> dict[str, float]:
    """Return the milliseconds of one ask: as a clock says, or of this process's own work alone."""
    clock = time.process_time if "--own-time" in sys.argv else time.perf_counter
    began = clock()
    ask()
    return {"ms": (clock() - began) * 1000}


def tell(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
