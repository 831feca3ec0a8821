"""What everything that the servers logged during the run shows: no secret, no token."""

import pytest

from tests.live.ledger import LEDGER


@pytest.mark.last
def test_nothing_that_was_logged_during_the_whole_run_holds_a_secret_or_a_token() -> None:
    if not LEDGER.logs:
        pytest.skip("no server was started in this run")
    leaks = LEDGER.leaks()
    assert not leaks, "\n".join([f"{len(leaks)} lines with a secret:", *leaks[:50]])
