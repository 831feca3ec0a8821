"""The events of the log. `type` tells them apart; `OtherEvent` is one that this version does not know."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, Field

from order_n_pay import models


class OtherEvent(BaseModel):
    """An event of another type, or with other data than this version knows."""

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
