"""The pages to screenshot, in the order of docs/pages.md."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.pictures.demo import Places
from tests.pictures.steps import (
    ask_as_manager,
    ask_for_open_orders,
    ask_once,
    check_file,
    check_wrong_file,
    choose_all,
    delete,
    make_link,
    make_organisation_to_delete,
    open_anna,
    open_details,
    open_first_row,
    open_link,
    refuse_enabling,
    refuse_passphrase,
    refuse_password,
    reset_factors,
    rotate,
    send_foreign_form,
    unlink_identity,
    write_no_json,
)

ADMIN = "/admin/integrations"
NOWHERE = Places()
LIGHT, DARK, NARROW = "light-wide", "dark-wide", "light-narrow"


@dataclass(frozen=True)
class Shot:
    """A page to take a screenshot of. `before` and `after` act on the page before and after the screenshot.

    The screenshot's file name begins with `name`; `variant` is the one that docs/pages.md shows.
    """

    name: str
    title: str
    path: str
    before: Callable[[Page], None] = lambda _page: None
    signed_in: bool = True
    after: Callable[[Page], None] = lambda _page: None
    variant: str = LIGHT


EMPTY = [
    Shot("empty-start", "Start", "/admin/"),
    *(
        Shot(f"empty-{name}", f"No {name}", f"{ADMIN}/{name}/")
        for name in (
            *("organisation", "outlet", "handoverlink", "request", "apikey", "alert"),
            *("alertrecipient", "webhookendpoint", "delivery", "connection", "authattempt", "unrecognisedframe"),
        )
    ),
    Shot("empty-people", "No other people", "/admin/auth/user/"),
    Shot("empty-enable-new", "Enable the first outlet", f"{ADMIN}/outlet/enable/"),
]


def sections(places: Places = NOWHERE) -> dict[str, list[Shot]]:
    """Return the document's sections; without `places`, only the names and titles of the shots can be used."""
    return {
        "Signing in": _signing_in(),
        "Organisations and outlets": _fleet(),
        "One outlet": _outlet(places),
        "Supporting an outlet by phone": _support(places),
        "Actions on one outlet": _acts(places),
        "Bulk actions": _many(),
        "The hand-over": _handover(places),
        "Traffic": _traffic(),
        "Alerts and webhooks": _notices(),
        "API keys, message types, people": _administration(),
        "When something is wrong": _wrong(places),
        "In dark colours, and on a phone": _elsewhere(places),
    }


def _signing_in() -> list[Shot]:
    return [
        Shot("login", "Sign in", "/admin/login/", signed_in=False),
        Shot("login-refused", "A wrong password", "/admin/login/", refuse_password, signed_in=False),
        Shot("sign-in", "How you sign in", "/admin/sign-in/"),
        Shot("sign-in-app", "Set up an authenticator app", "/admin/sign-in/app/"),
        Shot("sign-in-passkey", "Add a passkey", "/admin/sign-in/passkey/"),
        Shot("sessions", "Your sessions", "/admin/sign-in/sessions/"),
        Shot("password", "Change your password", "/admin/password_change/"),
        Shot("confirm", "Confirm your identity before a sensitive action", "/admin/confirm/"),
    ]


def _fleet() -> list[Shot]:
    return [
        Shot("start", "Start", "/admin/"),
        Shot("organisations", "Organisations", f"{ADMIN}/organisation/"),
        Shot("organisation", "An organisation", f"{ADMIN}/organisation/1/change/"),
        Shot("outlets", "Outlets", f"{ADMIN}/outlet/"),
        Shot("outlets-nothing-fits", "A search that finds nothing", f"{ADMIN}/outlet/?q=nothing+like+it"),
        Shot("search", "The search at the top of each page", "/admin/search/?q=bella"),
        Shot("outlet-add", "Add an outlet", f"{ADMIN}/outlet/add/?organisation=1"),
    ]


def _outlet(places: Places) -> list[Shot]:
    return [
        Shot("integration-online", "Online", page_of(places.online)),
        Shot("integration-offline", "Offline, with waiting requests", page_of(places.offline)),
        Shot("integration-refused", "Never connected: its attempts are refused", page_of(places.refused)),
        Shot("integration-weak", "With a weak secret", page_of(places.weak)),
        Shot("integration-overlap", "While two secrets are valid", page_of(places.overlapping)),
        Shot("integration-disabled", "Disabled", page_of(places.disabled)),
        Shot("outlet-fresh", "An outlet that is not enabled yet", f"{ADMIN}/outlet/{places.fresh}/change/"),
        Shot("outlet-edit", "Edit an outlet", f"{ADMIN}/outlet/1/edit/"),
    ]


def _support(places: Places) -> list[Shot]:
    return [
        Shot(
            "check-refused",
            "Check an outlet: a wrong secret",
            page_of(places.refused, "check"),
        ),
        Shot("check-offline", "Check an outlet: it has lost its connection", page_of(places.offline, "check")),
        Shot(
            "check-online", "Check an outlet: all steps are done", page_of(places.online, "check"), ask_for_open_orders
        ),
        Shot("ask-choice", "Ask the POS: choose the message type", page_of(places.online, "ask")),
        Shot("ask-fields", "Ask the POS: the documented fields", f"{page_of(places.online, 'ask')}?type=12"),
        Shot("ask-json", "Ask the POS: JSON", f"{page_of(places.online, 'ask')}?type=77", write_no_json),
        Shot("ask-more", "Ask the POS: more", f"{page_of(places.online, 'ask')}?type=1&raw", open_details),
        Shot("asked", "The POS's answer", f"{page_of(places.online, 'ask')}?type=1", ask_as_manager),
        Shot("asked-once", "A request that is sent at most once", f"{page_of(places.online, 'ask')}?type=1", ask_once),
        Shot("disconnect", "Disconnect", page_of(places.online, "disconnect")),
    ]


def _acts(places: Places) -> list[Shot]:
    return [
        Shot("enable-new", "Enable an outlet", f"{ADMIN}/outlet/enable/"),
        Shot("enable", "Enable", f"{ADMIN}/outlet/{places.fresh}/enable/", open_details),
        Shot("rotate", "Rotate the secret", page_of(places.online, "rotate")),
        Shot("rotate-in-overlap", "Rotate during an overlap", page_of(places.overlapping, "rotate")),
        Shot("replace-secret", "Replace the new secret", page_of(places.overlapping, "replace-secret")),
        Shot("end-overlap", "End the overlap", page_of(places.overlapping, "end-overlap")),
        Shot("disable", "Disable", page_of(places.online, "disable")),
        Shot("enable-again", "Enable again", page_of(places.disabled, "reenable")),
        Shot("change-pos-remote-id", "Change the POSRemoteID", page_of(places.online, "change-pos-remote-id")),
    ]


def _many() -> list[Shot]:
    return [
        Shot("many-file", "Enable from a file", f"{ADMIN}/outlet/enable-file/"),
        Shot("many-checked", "The changes that a file would make", f"{ADMIN}/outlet/enable-file/", check_file),
        Shot("many-wrong", "A file with wrong rows", f"{ADMIN}/outlet/enable-file/", check_wrong_file),
        Shot("many-rotate", "Rotate many secrets", f"{ADMIN}/outlet/", choose_all),
    ]


def _handover(places: Places) -> list[Shot]:
    rotating = page_of(places.rotated, "rotate")
    return [
        Shot("handover", "The values, shown once", rotating, rotate),
        Shot("link-made", "A one-time link instead", rotating, make_link),
        Shot("links", "Hand-over links", f"{ADMIN}/handoverlink/"),
        Shot("link-asks", "The recipient's first page", "/handover/#ONPH-00000", signed_in=False),
        Shot("link-refused", "A wrong passphrase", "/handover/#ONPH-00000", refuse_passphrase, signed_in=False),
        Shot("link-opened", "The values, shown to the recipient", rotating, open_link),
    ]


def _traffic() -> list[Shot]:
    return [
        Shot("requests", "Requests", f"{ADMIN}/request/"),
        Shot("request-answered", "An answered request", requests_in("answered"), open_first_row),
        Shot("request-queued", "A request that is waiting for its POS", requests_in("queued"), open_first_row),
        Shot("connections", "Connections", f"{ADMIN}/connection/"),
        Shot("connection", "A connection", f"{ADMIN}/connection/", open_first_row),
        Shot("attempts", "Authentication attempts", f"{ADMIN}/authattempt/"),
        Shot("attempt", "An authentication attempt", f"{ADMIN}/authattempt/", open_first_row),
        Shot("unrecognised-frames", "Unrecognised frames", f"{ADMIN}/unrecognisedframe/"),
        Shot("unrecognised-frame", "An unrecognised frame", f"{ADMIN}/unrecognisedframe/", open_first_row),
        Shot("audit", "Audit events", f"{ADMIN}/auditevent/"),
        Shot("audit-event", "An audit event", f"{ADMIN}/auditevent/", open_first_row),
    ]


def _notices() -> list[Shot]:
    return [
        Shot("alerts", "Alerts", f"{ADMIN}/alert/"),
        Shot("alert", "An alert", f"{ADMIN}/alert/", open_first_row),
        Shot("alert-recipients", "Alert recipients", f"{ADMIN}/alertrecipient/"),
        Shot("alert-recipient-add", "Add an alert recipient", f"{ADMIN}/alertrecipient/add/"),
        Shot("webhooks", "Webhook endpoints", f"{ADMIN}/webhookendpoint/"),
        Shot("webhook", "A webhook endpoint", f"{ADMIN}/webhookendpoint/", open_first_row),
        Shot("webhook-add", "Add a webhook endpoint", f"{ADMIN}/webhookendpoint/add/"),
        Shot("deliveries", "Deliveries", f"{ADMIN}/delivery/"),
        Shot("delivery", "A delivery", f"{ADMIN}/delivery/", open_first_row),
    ]


def _administration() -> list[Shot]:
    return [
        Shot("apikeys", "API keys", f"{ADMIN}/apikey/"),
        Shot("apikey", "An API key", f"{ADMIN}/apikey/", open_first_row),
        Shot("apikey-add", "Add an API key", f"{ADMIN}/apikey/add/"),
        Shot("messagetypes", "Message types", f"{ADMIN}/messagetype/"),
        Shot("people", "People", "/admin/auth/user/"),
        Shot("person-add", "Add a person", "/admin/auth/user/add/"),
        Shot("person", "A person", "/admin/auth/user/", open_anna),
        Shot("reset-factors", "Reset a colleague's second factors", "/admin/auth/user/", reset_factors),
        Shot("unlink-identity", "Unlink a colleague's identity", "/admin/auth/user/", unlink_identity),
    ]


def _wrong(places: Places) -> list[Shot]:
    return [
        Shot(
            "enable-refused",
            "A form with errors",
            f"{ADMIN}/outlet/{places.fresh}/enable/",
            refuse_enabling,
        ),
        Shot("already-enabled", "An action that was already carried out", f"{ADMIN}/outlet/1/enable/"),
        Shot(
            "delete-organisation",
            "Delete an organisation",
            f"{ADMIN}/organisation/add/",
            make_organisation_to_delete,
            after=delete,
        ),
        Shot("404", "No such page", "/no-such-page"),
        Shot("400", "An address that is not valid", f"{ADMIN}/outlet/?nothing=1"),
        Shot("403-csrf", "A form of another session", "/admin/", send_foreign_form),
    ]


def _elsewhere(places: Places) -> list[Shot]:
    online = page_of(places.online)
    return [
        Shot("start-dark", "Start, dark", "/admin/", variant=DARK),
        Shot("integration-dark", "An outlet, dark", online, variant=DARK),
        Shot("start-phone", "Start, on a phone", "/admin/", variant=NARROW),
        Shot("outlets-phone", "Outlets, on a phone", f"{ADMIN}/outlet/", variant=NARROW),
        Shot("integration-phone", "An outlet, on a phone", online, variant=NARROW),
        Shot("enable-phone", "Enable an outlet, on a phone", f"{ADMIN}/outlet/enable/", variant=NARROW),
    ]


def page_of(integration: int, act: str = "change") -> str:
    return f"{ADMIN}/integration/{integration}/{act}/"


def requests_in(state: str) -> str:
    return f"{ADMIN}/request/?state__exact={state}"
