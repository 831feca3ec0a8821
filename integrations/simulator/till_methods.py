"""Maps each message to a method of the till: a request in, an answer out. Does no I/O."""

from collections.abc import Callable

from integrations.simulator import message_numbers as methods
from integrations.simulator import order_answers, order_requests, till_messages, till_refusals
from integrations.simulator.catalogue import User
from integrations.simulator.payload_fields import MalformedPayloadError
from integrations.simulator.till import Till
from integrations.simulator.till_messages import TillAnswer, TillRequest

CHANGING_METHODS = frozenset({methods.CREATE_ORDER, methods.UPDATE_ORDER, methods.CREATE_PAYMENT})


class _UserRefused(Exception):
    def __init__(self, result_code: int, text: str) -> None:
        super().__init__(text)
        self.answer = TillAnswer(result_code=result_code, error_message=text)


def answer(till: Till, request: TillRequest) -> TillAnswer:
    """Return the till's answer, which has a non-zero ResultCode and a text if the till refuses. Never raises."""
    method = _METHODS.get(request.name, _refuse_message_type)
    try:
        return method(till, request)
    except _UserRefused as refusal:
        return refusal.answer
    except MalformedPayloadError as error:
        return TillAnswer(result_code=till_messages.MALFORMED_PAYLOAD, error_message=str(error))
    except till_refusals.TillRefusal as refusal:
        return _refusal_answer(refusal)


def _get_user_from_pin(till: Till, request: TillRequest) -> TillAnswer:
    user = till.catalogue.find_user_by_pin(request.payload.text("PIN"))
    if user is None:
        raise _UserRefused(till_messages.UNKNOWN_USER, till_messages.UNKNOWN_USER_TEXT)
    return TillAnswer(payload=order_answers.user_payload(user))


def _get_open_orders(till: Till, request: TillRequest) -> TillAnswer:
    user = _permitted_user(till, request)
    table = request.payload.find_text("ServiceModeEntityID") or ""
    own_only = request.payload.flag("UserOrdersOnly")
    orders = till.open_orders(table=table, owner=user if own_only else None)
    return TillAnswer(payload=order_answers.open_orders_payload(orders, user_orders_only=own_only))


def _create_order(till: Till, request: TillRequest) -> TillAnswer:
    user = _permitted_user(till, request)
    order = till.create_order(user, order_requests.new_order(request.payload))
    return TillAnswer(payload=order_answers.order_payload(order))


def _simulate_order(till: Till, request: TillRequest) -> TillAnswer:
    user = _permitted_user(till, request)
    order = till.simulate_order(user, order_requests.order_to_simulate(request.payload))
    return TillAnswer(payload=order_answers.order_payload(order))


def _update_order(till: Till, request: TillRequest) -> TillAnswer:
    _permitted_user(till, request)
    order = till.update_order(order_requests.addition(request.payload))
    return TillAnswer(payload=order_answers.order_payload(order))


def _create_payment(till: Till, request: TillRequest) -> TillAnswer:
    _permitted_user(till, request)
    order, payment = till.create_payment(*order_requests.payment_of_order(request.payload))
    return TillAnswer(payload=order_answers.payment_payload(order, payment))


def _permitted_user(till: Till, request: TillRequest) -> User:
    """Return the request's user.

    A user without CanMakePayments may call only GetUserFromPIN (SEEN; the ResultCode of the refusal is unknown).
    """
    user = till.catalogue.find_user(request.user_identifier)
    if user is None:
        raise _UserRefused(till_messages.UNKNOWN_USER, till_messages.UNKNOWN_USER_TEXT)
    if not user.can_make_payments:
        raise _UserRefused(till_messages.USER_NOT_PERMITTED, f"{user.name} may not use this interface.")
    return user


def _refuse_message_type(_till: Till, request: TillRequest) -> TillAnswer:
    text = f"This simulated POS does not know {request.name}."
    return TillAnswer(result_code=till_messages.UNSUPPORTED_MESSAGE, error_message=text)


def _refusal_answer(refusal: till_refusals.TillRefusal) -> TillAnswer:
    lacking = refusal.lines if isinstance(refusal, till_refusals.InsufficientStock) else None
    return TillAnswer(
        result_code=_RESULT_CODES[type(refusal)],
        error_message=str(refusal),
        payload=None if lacking is None else order_answers.out_of_stock_payload(lacking),
    )


_METHODS: dict[str, Callable[[Till, TillRequest], TillAnswer]] = {
    methods.GET_USER_FROM_PIN: _get_user_from_pin,
    methods.GET_OPEN_ORDERS: _get_open_orders,
    methods.CREATE_ORDER: _create_order,
    methods.SIMULATE_ORDER: _simulate_order,
    methods.CREATE_PAYMENT: _create_payment,
    methods.UPDATE_ORDER: _update_order,
}

_RESULT_CODES: dict[type[till_refusals.TillRefusal], int] = {
    till_refusals.InsufficientStock: till_messages.INSUFFICIENT_STOCK,
    till_refusals.UnknownServiceMode: till_messages.UNKNOWN_SERVICE_MODE,
    till_refusals.UnknownTable: till_messages.UNKNOWN_TABLE,
    till_refusals.UnknownProduct: till_messages.UNKNOWN_PRODUCT,
    till_refusals.UnknownAdjustment: till_messages.UNKNOWN_ADJUSTMENT,
    till_refusals.UnknownOrder: till_messages.UNKNOWN_ORDER,
    till_refusals.OrderClosed: till_messages.ORDER_CLOSED,
    till_refusals.OrderInUse: till_messages.ORDER_IN_USE,
    till_refusals.WrongAmount: till_messages.WRONG_AMOUNT,
}
