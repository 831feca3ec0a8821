"""After a till proves its adopted secret, a digest of it is remembered for this outlet and address for a day."""

import pickle

from integrations.pos.limits.proofs import LIFETIME, MOST, Proofs
from integrations.services.connections.authentication import Claim
from tests.support.factories import ADOPTED

POS, OTHER = "198.51.100.7", "203.0.113.9"


def claim(secret: str = ADOPTED, outlet: str = "outlet-1") -> Claim:
    return Claim(outlet, "TestOrg-1", secret)


def test_a_secret_is_found_again_only_from_its_own_address() -> None:
    proofs = Proofs()
    proofs.remember(claim(), POS, 7)
    assert proofs.find(claim(), POS) == 7
    assert [proofs.find(claim(f"{ADOPTED} "), POS), proofs.find(claim(), OTHER)] == [None, None]
    assert proofs.find(claim(outlet="outlet-2"), POS) is None


def test_a_proof_is_found_for_a_day_after_the_last_one() -> None:
    now = [0.0]
    proofs = Proofs(lambda: now[0])
    proofs.remember(claim(), POS, 7)
    now[0] = LIFETIME
    assert proofs.find(claim(), POS) == 7
    now[0] += 1
    assert proofs.find(claim(), POS) is None


def test_the_proofs_are_bounded_and_the_oldest_is_dropped_first() -> None:
    proofs = Proofs()
    for number in range(MOST + 1):
        proofs.remember(claim(outlet=f"outlet-{number}"), POS, 7)
    assert proofs.find(claim(outlet="outlet-0"), POS) is None
    assert proofs.find(claim(outlet="outlet-1"), POS) == 7


def test_the_secret_is_not_stored_and_two_processes_store_different_digests() -> None:
    one, two = Proofs(), Proofs()
    for proofs in (one, two):
        proofs.remember(claim(), POS, 7)
    assert ADOPTED.encode() not in pickle.dumps([vars(one)["_proofs"], vars(one)["_key"]])
    assert vars(one)["_proofs"] != vars(two)["_proofs"]
