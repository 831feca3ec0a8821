"""The errors that a client raises. `order_n_pay.errors` adds a class for each type of problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

PREFIX = "urn:order-n-pay:problem:"


class OrderNPayError(Exception):
    """Base of all errors of this package."""


class OutcomeUnknown(OrderNPayError):
    """The deadline passed, or an answer was lost, before the outcome was known. The call may have taken effect.

    You can make the same call again with this `idempotency_key` (in `send` and `submit`: `request_id`), because the
    portal does not carry it out twice.
    `__cause__` is the last error.
    """

    def __init__(self, idempotency_key: str | None) -> None:
        super().__init__("the outcome is not known yet")
        self.idempotency_key = idempotency_key


class UnexpectedAnswer(OrderNPayError):
    """The call succeeded, but its answer does not match this package's models. `content` is the answer."""

    def __init__(self, content: Any) -> None:
        super().__init__("the answer does not match the models of this version of order-n-pay")
        self.content = content


class ApiError(OrderNPayError):
    """The portal answered with a problem. Each type has its own subclass; `members` is the problem's JSON object."""

    name: ClassVar[str] = ""
    _classes: ClassVar[dict[str, type[ApiError]]] = {}

    def __init_subclass__(cls) -> None:
        ApiError._classes[cls.name] = cls

    def __init__(self, status: int, members: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.members = dict(members)
        self.retry_after = retry_after
        super().__init__(f"{status} {self.type}: {self.detail or self.title}")

    @classmethod
    def of(cls, status: int, members: Mapping[str, Any], retry_after: float | None = None) -> ApiError:
        """Return an error of the class for this problem, or an ApiError for an unknown type."""
        name = str(members.get("type", "")).removeprefix(PREFIX)
        return cls._classes.get(name, ApiError)(status, members, retry_after)

    @property
    def type(self) -> str:
        """The type without its prefix, such as `pos-offline`; empty if a proxy answered."""
        return str(self.members.get("type", "")).removeprefix(PREFIX)

    @property
    def title(self) -> str:
        return str(self.members.get("title", "no problem document"))

    @property
    def detail(self) -> str:
        return str(self.members.get("detail", ""))

    @property
    def fields(self) -> list[dict[str, str]]:
        """The invalid fields of a body: `field` and `message` of each."""
        return list(self.members.get("errors", []))
