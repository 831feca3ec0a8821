"""Remembers in this process which callers have recently proved an adopted secret, up to a maximum number.

An Argon2id check takes about 30 ms, so few callers may queue for it, and a flood of guesses fills the queue. A till
that has already proved its secret from the same address skips the queue. Only a keyed digest (HMAC) of the secret is
remembered, and only this process has the key. The digest is not sufficient: `exchange` still checks the credential's
row, so a retired secret is void immediately.
"""

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from integrations.services.connections.authentication import Claim
from integrations.text.client_address import network_of

MOST = 20_000
LIFETIME = 24 * 3600.0  # seconds for which a proof counts


@dataclass(slots=True)
class _Proof:
    credential_id: int
    digest: bytes = field(repr=False)
    proved_at: float


class Proofs:
    """The proofs of this process. `clock` must be monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._proofs: OrderedDict[tuple[str, str], _Proof] = OrderedDict()

    def remember(self, claim: Claim, address: str, credential_id: int) -> None:
        """Remember that this claim's secret belongs to this credential."""
        place = claim.match_id, network_of(address)
        self._proofs[place] = _Proof(credential_id, self._digest(claim, credential_id), self._clock())
        self._proofs.move_to_end(place)
        while len(self._proofs) > MOST:
            self._proofs.popitem(last=False)

    def find(self, claim: Claim, address: str) -> int | None:
        """Return the id of the credential if this claim's secret was proved from this address; otherwise None."""
        proof = self._proofs.get((claim.match_id, network_of(address)))
        if proof is None or self._clock() - proof.proved_at > LIFETIME:
            return None
        fits = hmac.compare_digest(proof.digest, self._digest(claim, proof.credential_id))
        return proof.credential_id if fits else None

    def _digest(self, claim: Claim, credential_id: int) -> bytes:
        return hmac.digest(self._key, b"%d:%s" % (credential_id, claim.secret.encode()), "sha256")
