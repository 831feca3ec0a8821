"""The events that `events.list` yields. Their `type` decides the class; `OtherEvent` is for unknown events."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, Field

from order_n_pay import models


class OtherEvent(BaseModel):
    """An event whose type or data this version does not know."""

    id: int
    webhook_id: str
    type: str
    timestamp: datetime
    data: dict[str, Any]


Event: TypeAlias = Annotated[
    models.OutletDisabledEvent
    | models.OutletEnabledEvent
    | models.OutletOfflineEvent
    | models.OutletOnlineEvent
    | models.RequestFinishedEvent
    | models.SecretRotatedEvent
    | models.TestEvent
    | models.UnrecognisedFrameEvent
    | models.AlertBeganEvent
    | models.AlertEndedEvent
    | models.AuthenticationRefusedEvent
    | OtherEvent,
    Field(union_mode="left_to_right"),
]
