"""The server's keys: which ones this process has, and under which one it writes.

A process reads under every key that it has: the setting and its fallbacks. It writes under the newest key that all
live processes have (services/keys/keys.py chooses it), so that keys can be exchanged on one host after the other: every
process can read what another writes. Until something is chosen a process writes under its own newest key.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from django.conf import settings

ID_LENGTH = 8  # hex digits


@dataclass
class Ring:
    """The keys of one setting and its fallbacks. The texts of the keys never leave the process; their ids may."""

    setting: str
    purpose: bytes = field(repr=False)
    _chosen: str = ""

    @cached_property
    def masters(self) -> Mapping[str, str]:
        """The keys by id, the newest first, as they were configured."""
        configured = (getattr(settings, self.setting), *getattr(settings, f"{self.setting}_FALLBACKS"))
        return {self._id_of(master): master for master in configured}

    @property
    def ids(self) -> tuple[str, ...]:
        """What this process announces of its keys, the newest first: nothing from which a key could be computed."""
        return tuple(self.masters)

    @property
    def writing_id(self) -> str:
        """The id of the key under which this process writes."""
        return self._chosen or next(iter(self.masters))

    @property
    def writing_master(self) -> str:
        return self.masters[self.writing_id]

    @property
    def masters_writing_first(self) -> tuple[str, ...]:
        """All keys, the one for writing before the others."""
        return tuple(dict.fromkeys((self.writing_master, *self.masters.values())))

    def choose(self, key_id: str) -> None:
        """Write under this key from now on. Raises KeyError for one that this process does not have."""
        _ = self.masters[key_id]
        self._chosen = key_id

    def forget(self) -> None:
        """Read the settings again: for tests, which change them."""
        self._chosen = ""
        self.__dict__.pop("masters", None)

    def _id_of(self, master: str) -> str:
        return hmac.digest(master.encode(), self.purpose, "sha256").hex()[:ID_LENGTH]


CREDENTIAL = Ring("CREDENTIAL_KEY", b"id")
SIGNING = Ring("SECRET_KEY", b"signing id")


def sign_with(key_id: str) -> None:
    """Sign under this key from now on, and let Django do so: sessions, their hashes and its signers read the settings.

    A session that Django writes under a key that another process lacks would sign its person out there. Each of the two
    assignments leaves all keys readable. Raises KeyError for a key that this process does not have.
    """
    if SIGNING.writing_id == key_id:
        return
    SIGNING.choose(key_id)
    settings.SECRET_KEY_FALLBACKS = list(SIGNING.masters.values())
    settings.SECRET_KEY = SIGNING.writing_master
