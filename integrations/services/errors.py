"""The base of all refusals, and those that several capabilities share; the others are in errors.py of each capability.

A refusal says itself what an entry point needs to answer it, so adding one touches no other place.
"""

from http import HTTPStatus

from django.db.models import TextChoices


class Remedy(TextChoices):
    """An operation that may resolve a conflict, by the name that the pages of staff give it in their URLs."""

    ROTATE = "rotate", "Rotate secret"
    END_OVERLAP = "end_overlap", "End overlap now"


class PortalError(Exception):
    """A refusal whose text may be shown to the caller.

    `field` names the value that was wrong, as our models do; empty if the refusal is about none. `hint` says what the
    caller can do next. `remedy` is the operation that helps.
    """

    message = "The portal refused this."
    status = HTTPStatus.BAD_REQUEST
    field = ""
    hint = ""
    remedy: Remedy | None = None

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.message)


class InvalidValue(PortalError):
    """A value has the wrong form."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Conflict(PortalError):
    """The row is not, or no longer, in the state that the operation needs: other values would not help."""

    status = HTTPStatus.CONFLICT
    hint = "A colleague may have been faster, or the button was pressed twice. Nothing was done now."


class OverlapRunning(Conflict):
    message = "The secret before this one still works: end its overlap first, then rotate."
    hint = (
        "Only two secrets can be valid at the same time. End the overlap as soon as the new one is in use. "
        "A client that still uses the older one is refused from then on."
    )
    remedy = Remedy.END_OVERLAP


class NoOverlap(Conflict):
    message = "No older secret is in its overlap."


class StalePage(Conflict):
    message = "The secret was rotated after this page was opened: open it anew."
    hint = (
        "The new secret was shown once, to the person who rotated it, and cannot be shown again. "
        "If it is lost, rotate once more."
    )
    remedy = Remedy.ROTATE


class ApiKeyRetired(Conflict):
    message = "The API key is retired: make another."
    hint = "A retired API key stays refused. Nothing was done now."


class ApiKeyExpired(Conflict):
    message = "The API key has expired: make another."
    hint = "An expired API key stays refused. Nothing was done now."
