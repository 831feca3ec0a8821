"""Parses the payloads about orders and payments.

PowerEPOS documents OrderNPayCreateOrderRequest, OrderNPaySimulateOrderRequest and OrderNPayUpdateOrderRequest (SEEN),
but not OrderNPayCreatePaymentRequest (INFERRED). Every function raises MalformedPayloadError.
"""

from decimal import Decimal

from integrations.simulator.money import ZERO
from integrations.simulator.orders import Adjustment, ChildLine, Line, Payment
from integrations.simulator.payload_fields import Fields
from integrations.simulator.till import Addition, NewOrder


def new_order(payload: Fields) -> NewOrder:
    provider_prices = payload.flag("UseProviderPrices") or bool(payload.objects("Payments"))
    return NewOrder(
        provider_order_id=payload.text("ProviderOrderID", longest=64),
        service_mode_id=payload.guid("ServiceModeID"),
        table=payload.text("ServiceModeEntityID", longest=8),
        is_training=payload.flag("IsTraining"),
        lines=_lines(payload, provider_prices=provider_prices),
        payments=tuple(_payment(each) for each in payload.objects("Payments")),
        adjustments=_adjustments(payload),
        notes=tuple(payload.raw_objects("Notes")),
        service_charge=payload.find_money("ServiceChargeAmount"),
        use_provider_prices=provider_prices,
        covers=payload.find_whole("Covers", lowest=0) or 0,
    )


def order_to_simulate(payload: Fields) -> NewOrder:
    provider_prices = payload.flag("UseProviderPrices") or bool(payload.objects("Payments"))
    return NewOrder(
        provider_order_id=payload.find_text("ProviderOrderID", longest=64),
        service_mode_id=payload.guid("ServiceModeID"),
        table=payload.text("ServiceModeEntityID", longest=8),
        lines=_lines(payload, provider_prices=provider_prices, are_required=True),
        payments=tuple(_payment(each) for each in payload.objects("Payments")),
        adjustments=_adjustments(payload),
        notes=tuple(payload.raw_objects("Notes")),
        service_charge=payload.find_money("ServiceChargeAmount"),
        use_provider_prices=provider_prices,
        apply_automatic_adjustments=payload.flag("ApplyAutomaticAdjustments"),
    )


def addition(payload: Fields) -> Addition:
    provider_prices = payload.flag("UseProviderPrices")
    return Addition(
        sales_transaction_id=payload.guid("SalesTransactionID"),
        provider_order_id=payload.find_text("ProviderOrderID", longest=64),
        lines=_lines(payload, provider_prices=provider_prices),
        adjustments=_adjustments(payload),
        notes=tuple(payload.raw_objects("Notes")),
        service_charge=payload.find_money("ServiceChargeAmount"),
        use_provider_prices=provider_prices,
        covers=payload.find_whole("Covers", lowest=0),
    )


def payment_of_order(payload: Fields) -> tuple[str, Payment]:
    """Return the SalesTransactionID and the payment.

    INFERRED: the payment's fields are in an object `Payment`, or in the payload itself, next to the SalesTransactionID.
    """
    own = payload.find_object("Payment")
    return payload.guid("SalesTransactionID"), _payment(payload if own is None else own)


def _lines(payload: Fields, *, provider_prices: bool, are_required: bool = False) -> tuple[Line, ...]:
    lines = payload.objects("Products", is_required=are_required)
    return tuple(_order_line(each, provider_prices) for each in lines)


def _order_line(fields: Fields, provider_prices: bool) -> Line:
    adjustment = fields.find_object("Adjustment")
    return Line(
        product_type=fields.whole("ProductType", lowest=0),
        name=fields.text("Name", longest=50),
        quantity=fields.whole("Quantity", lowest=1),
        price=_price(fields, "Price", provider_prices),
        total=_price(fields, "TotalAmount", provider_prices),
        provider_product_id=fields.find_text("ProviderProductID", longest=64),
        plu_identifier=fields.find_text("PLUIdentifier", longest=36) or None,
        modifier_identifier=fields.find_text("SalesModifierIdentifier", longest=36) or None,
        modifier_name=fields.find_text("SalesModifierName", longest=8),
        children=tuple(_child(each, provider_prices) for each in fields.objects("ChildProducts")),
        adjustment=_adjustment(adjustment) if adjustment else None,
    )


def _child(fields: Fields, provider_prices: bool) -> ChildLine:
    return ChildLine(
        product_type=fields.whole("ProductType", lowest=0),
        name=fields.text("Name", longest=50),
        quantity=fields.whole("Quantity", lowest=1),
        price=_price(fields, "Price", provider_prices),
        total=_price(fields, "TotalAmount", provider_prices),
        provider_product_id=fields.find_text("ProviderProductID", longest=64),
        plu_identifier=fields.find_text("PLUIdentifier", longest=36) or None,
        modifier_identifier=fields.find_text("SalesModifierIdentifier", longest=36) or None,
        modifier_name=fields.find_text("SalesModifierName", longest=32),
    )


def _price(fields: Fields, key: str, provider_prices: bool) -> Decimal:
    """Return a price. A request may omit its prices, or send zero, if the till sets the prices (SEEN)."""
    if provider_prices:
        return fields.money(key)
    return fields.find_money(key) or ZERO


def _adjustments(payload: Fields) -> tuple[Adjustment, ...]:
    return tuple(_adjustment(each) for each in payload.objects("Adjustments"))


def _adjustment(fields: Fields) -> Adjustment:
    return Adjustment(
        name=fields.text("Name", longest=50),
        amount=fields.money("Amount", may_be_negative=True),
        provider_adjustment_id=fields.find_text("ProviderAdjustmentID", longest=64),
        adjustment_id=fields.find_guid("AdjustmentID"),
    )


def _payment(fields: Fields) -> Payment:
    return Payment(
        name=fields.text("Name", longest=32),
        amount_sale=fields.money("AmountSale"),
        service_charge=fields.find_money("ExplicitServiceChargeAmount"),
        amount_tip=fields.find_money("AmountTip"),
        amount_surcharge=fields.find_money("AmountSurcharge"),
        provider_payment_id=fields.find_text("ProviderPaymentID", longest=64),
        merchant_id=fields.find_text("MerchantID", longest=40),
        terminal_id=fields.find_text("TerminalID", longest=40),
    )
