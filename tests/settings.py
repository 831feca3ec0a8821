"""The portal's settings, changed for tests. This file sets environment variables, and then imports portal.settings."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_folder = tempfile.mkdtemp(prefix="portal-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)

os.environ["SECRET_KEY"] = "tests-only-" + "0123456789abcdef" * 3
os.environ["DATA_DIR"] = _folder
os.environ["LOG_FORMAT"] = "text"
for name in ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "ALLOWED_HOSTS", "SECRET_KEY_FALLBACKS"):
    os.environ[name] = ""
    del os.environ[name]

from portal.settings import *  # noqa: E402, F403
from portal.settings import DATABASES, INSTALLED_APPS  # noqa: E402
from tests.support import constants  # noqa: E402

# The test database is a file. In memory, each thread would have a separate database
# (integrations/services/rows/threads.py).
DATABASES["default"]["TEST"] = {"NAME": str(Path(_folder) / "tests.sqlite3")}
DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA synchronous=OFF"  # tests need no durable writes
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast, as tests need no strong hashes
API_CALLS_BURST = 100_000  # no test reaches this limit unless it sets a lower one

# The app sets the intervals in CONSTANTS to an hour, so no timer fires during a test. A flush or poll happens only if
# the test calls it or if an event wakes the task that runs it.
INSTALLED_APPS = [*INSTALLED_APPS, "tests.support.constants.Constants"]
CONSTANTS = dict.fromkeys((constants.WATCH_INTERVAL, constants.RECORD_INTERVAL, constants.NOTICE_INTERVAL), 3600.0)
