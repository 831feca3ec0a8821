"""Fill one database of benchmarks/lists.py, then run the query that each line of standard input names.

For each such line, the figures of the query are printed as one line of JSON. Each database has its own process: a
process has only one default database, and its caches must not contain anything from the other database.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
NO_QUERIES = ("BEGIN", "COMMIT", "SET ", "RESET ")  # statements of PostgreSQL for transactions and time limits


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
    print_json({"names": list(asks), "seconds": time.perf_counter() - began})
    for line in sys.stdin:
        name, is_counted = json.loads(line)
        print_json(count(asks[name]) if is_counted else measure(asks[name]))


def count(ask: Callable[[], int]) -> dict[str, float]:
    """Return how many SQL queries a page makes, and how many rows it shows.

    The page is opened twice, and the lower count of queries is returned, because the first page that a process opens
    reads some rows that are then cached. Each time, the session is first set to expire soon, so the count includes the
    query that prolongs the session. The statements in NO_QUERIES do not count.
    """
    from django.contrib.sessions.models import Session
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    counts = []
    for _ in range(2):
        Session.objects.update(expire_date=timezone.now() + timedelta(minutes=1))
        with CaptureQueriesContext(connection) as sent:
            rows = ask()
        counts.append(sum(not each["sql"].startswith(NO_QUERIES) for each in sent))
    return {"queries": min(counts), "rows": rows}


def measure(ask: Callable[[], int]) -> dict[str, float]:
    """Return the milliseconds of one query: wall-clock time or, with --own-time, the CPU time of this process."""
    clock = time.process_time if "--own-time" in sys.argv else time.perf_counter
    began = clock()
    ask()
    return {"ms": (clock() - began) * 1000}


def print_json(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
