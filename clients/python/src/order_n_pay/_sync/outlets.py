"""Outlets, every operation on them, and their hand-over links."""

from collections.abc import Iterator
from urllib.parse import quote

from typing_extensions import Unpack

from order_n_pay import models, params
from order_n_pay._sync.transport import Transport


def path_of(provider_outlet_id: str) -> str:
    return f"outlets/{quote(provider_outlet_id, safe='')}"


class HandoverLinks:
    """One-time links that show the values of an outlet to their recipient."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, outlet: str, *, page_size: int | None = None) -> Iterator[models.HandoverLink]:
        return self._transport.results(f"{path_of(outlet)}/handover-links", models.HandoverLink, {"limit": page_size})

    def create(
        self, outlet: str, *, idempotency_key: str | None = None, **body: Unpack[params.NewLinkBody]
    ) -> models.NewHandoverLink:
        """Create a link that hands over a new secret. Only this answer has the link's `url` and `passphrase`."""
        path = f"{path_of(outlet)}/handover-links"
        return self._transport.post(path, models.NewHandoverLink, body, idempotency_key)

    def revoke(self, outlet: str, link_id: int, *, idempotency_key: str | None = None) -> models.HandoverLink:
        return self._transport.delete(
            f"{path_of(outlet)}/handover-links/{link_id}", models.HandoverLink, idempotency_key
        )


class Outlets:
    """The outlets that the API key sees. An outlet is named by its ProviderOutletID."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.handover_links = HandoverLinks(transport)

    def list(
        self,
        *,
        organisation_id: int | None = None,
        organisation: str | None = None,
        online: bool | None = None,
        page_size: int | None = None,
    ) -> Iterator[models.Outlet]:
        query = {"organisation_id": organisation_id, "organisation": organisation, "online": online, "limit": page_size}
        return self._transport.results("outlets", models.Outlet, query)

    def get(self, outlet: str) -> models.WholeOutlet:
        return self._transport.get(path_of(outlet), models.WholeOutlet)

    def create(self, *, idempotency_key: str | None = None, **body: Unpack[params.NewOutlet]) -> models.CreatedOutlet:
        """Create an outlet, and enable it if you pass `pos_remote_id`.

        If it is enabled, `handover` in the answer has its secret, which is shown only once.
        """
        return self._transport.post("outlets", models.CreatedOutlet, body, idempotency_key)

    def change(
        self, outlet: str, *, idempotency_key: str | None = None, **changes: Unpack[params.PatchedOutletChange]
    ) -> models.WholeOutlet:
        return self._transport.patch(path_of(outlet), models.WholeOutlet, changes, idempotency_key)

    def delete(self, outlet: str, *, idempotency_key: str | None = None) -> models.WholeOutlet:
        return self._transport.delete(path_of(outlet), models.WholeOutlet, idempotency_key)

    def enable(
        self, outlet: str, *, idempotency_key: str | None = None, **body: Unpack[params.Enable]
    ) -> models.HandedOverOutlet:
        """Enable an outlet that was never enabled. `handover` has its secret, shown only once."""
        return self._transport.post(f"{path_of(outlet)}/enable", models.HandedOverOutlet, body, idempotency_key)

    def disable(
        self, outlet: str, *, idempotency_key: str | None = None, **body: Unpack[params.Reason]
    ) -> models.WholeOutlet:
        return self._transport.post(f"{path_of(outlet)}/disable", models.WholeOutlet, body, idempotency_key)

    def reenable(
        self, outlet: str, *, idempotency_key: str | None = None, **body: Unpack[params.OptionalReason]
    ) -> models.WholeOutlet:
        return self._transport.post(f"{path_of(outlet)}/reenable", models.WholeOutlet, body, idempotency_key)

    def rotate_secret(
        self, outlet: str, *, idempotency_key: str | None = None, **body: Unpack[params.Rotation]
    ) -> models.HandedOverOutlet:
        """Replace the secret; the old one works until the `overlap` ends. `handover` shows the new one only once."""
        path = f"{path_of(outlet)}/rotate-secret"
        return self._transport.post(path, models.HandedOverOutlet, body, idempotency_key)

    def replace_unused_secret(self, outlet: str, *, idempotency_key: str | None = None) -> models.HandedOverOutlet:
        """Replace a new secret that was lost during an overlap, before the POS used it.

        The old secret stays valid until the overlap ends.
        """
        path = f"{path_of(outlet)}/replace-unused-secret"
        return self._transport.post(path, models.HandedOverOutlet, idempotency_key=idempotency_key)

    def end_overlap(self, outlet: str, *, idempotency_key: str | None = None) -> models.WholeOutlet:
        return self._transport.post(
            f"{path_of(outlet)}/end-overlap", models.WholeOutlet, idempotency_key=idempotency_key
        )

    def disconnect(
        self, outlet: str, *, idempotency_key: str | None = None, **body: Unpack[params.OptionalReason]
    ) -> models.WholeOutlet:
        return self._transport.post(f"{path_of(outlet)}/disconnect", models.WholeOutlet, body, idempotency_key)

    def change_pos_remote_id(
        self, outlet: str, pos_remote_id: str, *, idempotency_key: str | None = None
    ) -> models.WholeOutlet:
        path, body = f"{path_of(outlet)}/change-pos-remote-id", {"pos_remote_id": pos_remote_id}
        return self._transport.post(path, models.WholeOutlet, body, idempotency_key)

    def check(self, outlet: str) -> models.OutletCheck:
        """Return which connection steps the POS has completed, and what to tell the person on site."""
        return self._transport.get(f"{path_of(outlet)}/check", models.OutletCheck)

    def connections(self, outlet: str, *, page_size: int | None = None) -> Iterator[models.Connection]:
        return self._transport.results(f"{path_of(outlet)}/connections", models.Connection, {"limit": page_size})

    def attempts(self, outlet: str, *, page_size: int | None = None) -> Iterator[models.Attempt]:
        return self._transport.results(f"{path_of(outlet)}/attempts", models.Attempt, {"limit": page_size})
