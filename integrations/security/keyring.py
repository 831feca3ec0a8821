"""The server's keys: which ones this process has, and which one it writes with.

A process reads with every key that it has: the setting and its fallbacks. It writes with the newest key that all live
processes have (services/keys/keys.py chooses it). So every process can read what the others write while keys are
replaced on one host after the other. Until a key is chosen, a process writes with its own newest key.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from django.conf import settings

ID_LENGTH = 8  # hex digits


@dataclass
class Ring:
    """The keys of one setting and its fallbacks. Only their ids may leave the process, never the keys themselves."""

    setting: str
    purpose: bytes = field(repr=False)
    _chosen: str = ""

    @cached_property
    def masters(self) -> Mapping[str, str]:
        """The configured keys by id, newest first."""
        configured = (getattr(settings, self.setting), *getattr(settings, f"{self.setting}_FALLBACKS"))
        return {self._id_of(master): master for master in configured}

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that this process announces, newest first. A key cannot be computed from its id."""
        return tuple(self.masters)

    @property
    def writing_id(self) -> str:
        """The id of the key that this process writes with."""
        return self._chosen or next(iter(self.masters))

    @property
    def writing_master(self) -> str:
        return self.masters[self.writing_id]

    @property
    def masters_writing_first(self) -> tuple[str, ...]:
        """All keys, starting with the one for writing."""
        return tuple(dict.fromkeys((self.writing_master, *self.masters.values())))

    def choose(self, key_id: str) -> None:
        """Write with this key from now on. Raises KeyError for a key that this process does not have."""
        _ = self.masters[key_id]
        self._chosen = key_id

    def forget(self) -> None:
        """Forget the keys and which one was chosen, so tests can change the settings."""
        self._chosen = ""
        self.__dict__.pop("masters", None)

    def _id_of(self, master: str) -> str:
        return hmac.digest(master.encode(), self.purpose, "sha256").hex()[:ID_LENGTH]


CREDENTIAL = Ring("CREDENTIAL_KEY", b"id")
SIGNING = Ring("SECRET_KEY", b"signing id")


def sign_with(key_id: str) -> None:
    """Sign with this key from now on, also in Django, whose sessions and signers read it from the settings.

    Choose a key that every process has, if there is one: a process without the key that signed a user's session would
    sign that user out. The fallbacks are set first, so other threads can verify signatures by every key at any moment.
    Raises KeyError for a key that this process does not have.
    """
    if SIGNING.writing_id == key_id:
        return
    SIGNING.choose(key_id)
    settings.SECRET_KEY_FALLBACKS = list(SIGNING.masters.values())
    settings.SECRET_KEY = SIGNING.writing_master
