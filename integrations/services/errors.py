"""Everything that the services refuse, one sentence each. The doors turn these into their own forms of error."""


class PortalError(Exception):
    """A refusal whose text may be shown to whoever asked."""

    message = "The portal refused this."

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.message)


class AlreadyEnabled(PortalError):
    message = "Order N Pay is already enabled for this outlet."


class AlreadyDisabled(PortalError):
    message = "The integration is already disabled."


class NotDisabled(PortalError):
    message = "The integration is enabled already."


class NotEnabled(PortalError):
    message = "Order N Pay is not enabled for this outlet."


class OutletNotFound(PortalError):
    message = "No outlet has this ProviderOutletID."


class OrganisationExists(PortalError):
    message = "There is already an organisation of this name."


class OutletExists(PortalError):
    message = "The organisation already has an outlet of this name."


class PosRemoteIdTaken(PortalError):
    message = "Another outlet's integration has this POSRemoteID."


class ProviderOutletIdTaken(PortalError):
    message = "Another outlet has this ProviderOutletID."


class ProviderOutletIdInUse(PortalError):
    message = "PowerEPOS knows the outlet by this ProviderOutletID: it cannot be changed any more."


class StillInUse(PortalError):
    message = "Something hangs on this row, so it stays."


class InvalidValue(PortalError):
    """A value has the wrong form; `field` names it as our models do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class SecretTaken(PortalError):
    message = "This secret is, or was, another credential's: each integration needs one of its own."


class WeakSecret(PortalError):
    message = "This secret is too short to adopt."


class OverlapRunning(PortalError):
    message = "The secret before this one still works: end its overlap first, then rotate."


class NoOverlap(PortalError):
    message = "No older secret is in its overlap."


class StalePage(PortalError):
    message = "The secret was rotated after this page was opened: open it anew."


class MistypedSecret(PortalError):
    message = "The auth secret was mistyped: its checksum does not fit. Please enter it again."


class PosNotConnected(PortalError):
    message = "The outlet's POS is not connected: nothing was sent."


class PosBusy(PortalError):
    message = "As many requests as one outlet may have are waiting for this POS already: nothing was sent."


class NotAsked(PortalError):
    message = "The integration is disabled, so its POS cannot be asked: enable it again first."


class AskedOtherwise(PortalError):
    message = "This form was sent before, with other values. Nothing was sent now; press the button again to send it."


class MessageTypeUnnumbered(PortalError):
    message = "The portal does not know the number of this message type: enter it under Message types first."


class ApiKeyExists(PortalError):
    message = "There is, or was, already an API key of this name."


class ApiKeyNotFound(PortalError):
    message = "No API key has this name."


class ApiKeyRetired(PortalError):
    message = "The API key is retired: make another."


class ApiKeyExpired(PortalError):
    message = "The API key has expired: make another."


class MessageTypeExists(PortalError):
    message = "Another message type has this name or this number."


class MessageTypeDocumented(PortalError):
    message = "PowerEPOS's documents name this message type: its name stays."


class OrganisationNotFound(PortalError):
    message = "There is no organisation of this name."


class LinkEnded(PortalError):
    message = "The link has ended already: it was opened, taken back, or its time was over."


class DemoExists(PortalError):
    message = "The demo was made before: its organisation or its API key exists."


class WebhookExists(PortalError):
    message = "There is already a webhook endpoint of this name."


class WebhookDisabled(PortalError):
    message = "The webhook endpoint is switched off: switch it on first."


class WebhookEnabled(PortalError):
    message = "The webhook endpoint is switched on already."


class RecipientExists(PortalError):
    message = "This address gets these alerts already."


class NoSecondFactor(PortalError):
    message = "This person has no second factor."


class PersonNotFound(PortalError):
    message = "There is no such person."


class NotLinked(PortalError):
    message = "No such identity is linked to this person."


class IdentityTaken(PortalError):
    message = "This identity signs somebody else in already."
