"""The portal's settings for a server process whose constants a test changes (tests/support/constants.py)."""

import json
import os

from portal.settings import *  # noqa: F403
from portal.settings import INSTALLED_APPS
from tests.support.constants import VARIABLE

INSTALLED_APPS = [*INSTALLED_APPS, "tests.support.constants.Constants"]
CONSTANTS = json.loads(os.environ[VARIABLE])
