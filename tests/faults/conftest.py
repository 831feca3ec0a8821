"""The real processes of tests/live, for tests that break something about them."""

from tests.live.conftest import depot, new_stack, own_postgres, postgres, redis, shared_stack, shared_stacks

__all__ = ["depot", "new_stack", "own_postgres", "postgres", "redis", "shared_stack", "shared_stacks"]
