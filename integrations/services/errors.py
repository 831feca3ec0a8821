"""The base class of all refusals, and the refusals that several capabilities share.

The other refusals are in the errors.py of each capability. A refusal carries everything that an entry point tells the
caller about it, so adding a refusal changes no other module.
"""

from http import HTTPStatus

from django.db.models import TextChoices


class Remedy(TextChoices):
    """An operation that may resolve a refusal. The values are the names in the URLs of staff pages."""

    ROTATE = "rotate", "Rotate secret"
    REPLACE_SECRET = "replace_secret", "Replace the new secret"
    END_OVERLAP = "end_overlap", "End overlap now"
    REENABLE = "reenable", "Enable again"
    END_WAIT = "end_wait", "End the wait"
    CHANGE_POS_REMOTE_ID = "change_pos_remote_id", "Change the POSRemoteID to the one that was sent"


class PortalError(Exception):
    """A refusal whose text may be shown to the caller.

    `field` is the name of the invalid model field, or empty. `hint` says what the caller can do next, in words that
    fit every entry point. `remedy` is the operation that helps. `retry_after` is in seconds; None if a retry would not
    help.
    """

    message = "The portal refused this."
    status = HTTPStatus.BAD_REQUEST
    field = ""
    hint = ""
    remedy: Remedy | None = None
    retry_after: float | None = None

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.message)


def refuse_if(obstacle: PortalError | None) -> None:
    """Raise the refusal that an `obstacle_to_...` function returned, if any."""
    if obstacle is not None:
        raise obstacle


class InvalidValue(PortalError):
    """A value has an invalid format. `sentence` is the message without the label, to show next to the field's name."""

    def __init__(self, field: str, message: str, *, label: str = "") -> None:
        super().__init__(f"{label}: {message}" if label else message)
        self.field, self.sentence = field, message


class Conflict(PortalError):
    """The row is not in the state that the operation needs; other values would not help."""

    status = HTTPStatus.CONFLICT


class OverlapRunning(Conflict):
    message = "The old secret is still valid. End its overlap, then rotate."
    hint = (
        "Only two secrets can be valid at the same time. End the overlap as soon as the new one is in use. "
        "From then on, the portal refuses a client that still uses the old secret."
    )
    remedy = Remedy.END_OVERLAP


class NoOverlap(Conflict):
    message = "No old secret is still valid, so there is no overlap to end."
    hint = "Nothing was changed. Only the current secret is accepted."


class StalePage(Conflict):
    message = "The secret was rotated after this page was opened. Reload the page."
    hint = (
        "The new secret was shown once, to the person who rotated it, and cannot be shown again. "
        "If it is lost, rotate once more."
    )
    remedy = Remedy.ROTATE
