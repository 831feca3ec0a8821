"""Which method of the till answers which message type: a request in, an answer out. Pure."""

from collections.abc import Callable

from integrations.simulator import wire
from integrations.simulator.till import Till, User
from integrations.simulator.wire import Answer, Request


class _RefusalError(Exception):
    def __init__(self, result_code: int, text: str) -> None:
        super().__init__(text)
        self.answer = Answer(result_code=result_code, error_message=text)


def answer(till: Till, request: Request) -> Answer:
    """Never raises: what the till does not understand is refused with a non-zero ResultCode and a text."""
    method = _METHODS.get(request.message_type, _refuse_message_type)
    try:
        return method(till, request)
    except _RefusalError as refusal:
        return refusal.answer
    except wire.MalformedPayloadError as error:
        return Answer(result_code=wire.MALFORMED_PAYLOAD, error_message=str(error))


def _get_user_from_pin(till: Till, request: Request) -> Answer:
    user = till.find_user_by_pin(wire.text_field(request, "PIN"))
    if user is None:
        raise _RefusalError(wire.UNKNOWN_USER, wire.UNKNOWN_USER_TEXT)
    return Answer(payload=wire.user_payload(user))


def _get_open_orders(till: Till, request: Request) -> Answer:
    user = _permitted_user(till, request)
    table = wire.optional_text_field(request, "ServiceModeEntityID")
    own_only = wire.flag_field(request, "UserOrdersOnly")
    orders = till.open_orders(table=table, owner=user if own_only else None)
    return Answer(payload=wire.open_orders_payload(orders, user_orders_only=own_only))


def _permitted_user(till: Till, request: Request) -> User:
    """Without CanMakePayments every call but GetUserFromPIN is rejected (SEEN; its ResultCode is unknown)."""
    user = till.find_user(request.user_identifier)
    if user is None:
        raise _RefusalError(wire.UNKNOWN_USER, wire.UNKNOWN_USER_TEXT)
    if not user.can_make_payments:
        raise _RefusalError(wire.USER_NOT_PERMITTED, f"{user.name} may not use this interface.")
    return user


def _refuse_message_type(_till: Till, request: Request) -> Answer:
    text = f"This simulated POS does not know {request.name}."
    return Answer(result_code=wire.UNSUPPORTED_MESSAGE, error_message=text)


_METHODS: dict[int, Callable[[Till, Request], Answer]] = {
    wire.GET_USER_FROM_PIN: _get_user_from_pin,
    wire.GET_OPEN_ORDERS: _get_open_orders,
}
