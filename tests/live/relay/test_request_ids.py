"""Repeating a request_id does not help a caller to guess a PIN, even with several processes at once."""

from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

from tests.live.callers.backend import Backend, kind_of
from tests.live.conftest import NewStack
from tests.live.stack.servers import Depot

PIN = "7351"
COMPARED = 5


def test_two_processes_together_compare_at_most_five_different_contents(new_stack: NewStack, depot: Depot) -> None:
    one = new_stack("serve", "postgres")
    two = depot.twin(one)
    backend, outlet = Backend.of(one), one.supply_outlet()
    hosts = cycle([backend, backend.at(two)])
    options = {"request_id": "r", "mode": "async", "expires_in": 60}
    assert backend.ask(outlet, "GetUserFromPIN", {"PIN": PIN}, **options).status_code == 202

    def guess(number: int, host: Backend) -> str:
        answer = host.ask(outlet, "GetUserFromPIN", {"PIN": f"{number:04}"}, **options)
        assert kind_of(answer) == "request-id-reused"
        return str(answer.json().get("detail"))

    with ThreadPoolExecutor(16) as pool:
        details = list(pool.map(guess, range(60), hosts))
    two.close()
    assert details.count("None") == COMPARED
    assert one.rows("SELECT unequal_attempts FROM integrations_request") == [(COMPARED,)]
    assert backend.ask(outlet, "GetUserFromPIN", {"PIN": PIN}, **options).status_code == 409
