"""The chores of this portal: what a server process does by itself. One line each; the work is in services."""

from integrations.relay import bulk
from integrations.relay.chores import Chore

ALL: tuple[Chore, ...] = (*bulk.CHORES,)
