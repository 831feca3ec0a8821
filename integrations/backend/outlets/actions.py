"""The views of the actions on an outlet. Each calls one function of `changes`."""

from functools import partial

from integrations.backend.base.body_parsing import Nothing, read_change
from integrations.backend.base.views import BackendView
from integrations.backend.outlets import bodies, changes, schema
from integrations.backend.outlets.hashing import take_secret
from integrations.wire.plain_http import PlainRequest, PlainResponse


class EnableView(BackendView):
    """Enables an outlet that was never enabled."""

    http_method_names = ["post"]

    @schema.ENABLE
    async def post(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        values = read_change(request, bodies.EnableSerializer)
        secret = await take_secret(values)
        enable = partial(changes.enable, self.caller, provider_outlet_id, secret=secret, actor=self.actor, **values)
        return await self.change(enable)


class DisableView(BackendView):
    """Disables the integration of an outlet."""

    http_method_names = ["post"]

    @schema.DISABLE
    async def post(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        values = read_change(request, bodies.ReasonSerializer)
        return await self.change(partial(changes.disable, self.caller, provider_outlet_id, actor=self.actor, **values))


class ReenableView(BackendView):
    """Enables a disabled integration again."""

    http_method_names = ["post"]

    @schema.REENABLE
    async def post(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        values = read_change(request, bodies.OptionalReasonSerializer)
        return await self.change(partial(changes.reenable, self.caller, provider_outlet_id, actor=self.actor, **values))


class RotateSecretView(BackendView):
    """Replaces the secret of an outlet."""

    http_method_names = ["post"]

    @schema.ROTATE_SECRET
    async def post(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        values = read_change(request, bodies.RotationSerializer)
        rotate = partial(changes.rotate_secret, self.caller, provider_outlet_id, actor=self.actor, **values)
        return await self.change(rotate)


class ReplaceUnusedSecretView(BackendView):
    """Replaces the new secret of an outlet during an overlap, unless a POS has already used the new secret."""

    http_method_names = ["post"]

    @schema.REPLACE_UNUSED_SECRET
    async def post(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        read_change(request, Nothing)
        replace = partial(changes.replace_unused_secret, self.caller, provider_outlet_id, actor=self.actor)
        return await self.change(replace)


class EndOverlapView(BackendView):
    """Ends the overlap in which an outlet's old secret is still valid."""

    http_method_names = ["post"]

    @schema.END_OVERLAP
    async def post(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        read_change(request, Nothing)
        return await self.change(partial(changes.end_overlap, self.caller, provider_outlet_id, actor=self.actor))


class DisconnectView(BackendView):
    """Disconnects the POS of an outlet."""

    http_method_names = ["post"]

    @schema.DISCONNECT
    async def post(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        values = read_change(request, bodies.OptionalReasonSerializer)
        disconnect = partial(changes.disconnect, self.caller, provider_outlet_id, actor=self.actor, **values)
        return await self.change(disconnect)


class ChangePosRemoteIdView(BackendView):
    """Corrects the POSRemoteID of an outlet."""

    http_method_names = ["post"]

    @schema.CHANGE_POS_REMOTE_ID
    async def post(self, request: PlainRequest, provider_outlet_id: str) -> PlainResponse:
        values = read_change(request, bodies.PosRemoteIdSerializer)
        change = partial(changes.change_pos_remote_id, self.caller, provider_outlet_id, actor=self.actor, **values)
        return await self.change(change)
