"""Writes users, orders and payments in the documented format: PascalCase, explicit nulls, amounts as Decimal."""

from collections.abc import Iterable

from integrations.simulator.catalogue import User
from integrations.simulator.orders import Adjustment, ChildLine, Line, Order, Payment
from integrations.simulator.taxes import Tax


def user_payload(user: User) -> dict[str, object]:
    return {
        "UserID": user.user_id,
        "UserName": user.name,
        "CanMakePayments": user.can_make_payments,
    }


def open_orders_payload(orders: Iterable[Order], *, user_orders_only: bool) -> dict[str, object]:
    return {
        "Orders": [open_order_summary(order) for order in orders],
        "UserOrdersOnly": user_orders_only,
    }


def order_payload(order: Order) -> dict[str, object]:
    """Return OrderNPayCreateOrderResponse (SEEN). UpdateOrder and SimulateOrder use the same format (INFERRED)."""
    return {"Order": order_detailed(order), "OutOfStockProducts": None}


def out_of_stock_payload(lines: Iterable[ChildLine]) -> dict[str, object]:
    """Return the documented payload for lines without enough stock. It names products as the request named them."""
    products = [
        {
            "PLUIdentifier": line.plu_identifier,
            "Name": line.name,
            "SalesModifierIdentifier": line.modifier_identifier,
        }
        for line in lines
    ]
    return {"Order": None, "OutOfStockProducts": products}


def payment_payload(order: Order, payment: Payment) -> dict[str, object]:
    return {
        "SalesTransactionPaymentID": payment.payment_id,
        "OrderSummary": open_order_summary(order),
    }


def open_order_summary(order: Order) -> dict[str, object]:
    return {
        "SalesTransactionID": order.sales_transaction_id,
        "ServiceModePrefix": order.service_mode_prefix,
        "ServiceModeEntityID": order.table,
        "OrderNumberOpened": order.order_number,
        "OwnedBy_UserID": order.owner_id,
        "CurrencyCode": order.currency_code,
        "Amount": order.amount,
        "AmountOwing": order.amount_owing,
        "InUse": order.lock is not None,
        "InUseByTerminalDisplayID": order.lock.terminal if order.lock else None,
        "InUseByUserName": order.lock.user_name if order.lock else None,
    }


def order_detailed(order: Order) -> dict[str, object]:
    return {
        "SalesTransactionID": order.sales_transaction_id,
        "ServiceModePrefix": order.service_mode_prefix,
        "ServiceModeEntityID": order.table,
        "OrderNumberOpened": order.order_number,
        "CurrencyCode": order.currency_code,
        "Amount": order.amount,
        "AmountOwing": order.amount_owing,
        "IsClosed": order.is_closed,
        "RemainingServiceChargeAmount": order.remaining_service_charge,
        "Covers": order.covers,
        "Products": [_product(line) for line in order.lines],
        "Taxes": [_tax(tax) for tax in order.taxes],
        "OwnedBy_UserID": order.owner_id,
        "OwnedBy_UserName": order.owner_name,
        "Payments": [_payment(payment) for payment in order.payments],
        "Adjustments": [_adjustment(adjustment) for adjustment in order.adjustments],
        "Notes": list(order.notes),
    }


def _product(line: Line) -> dict[str, object]:
    return _child_product(line) | {
        "ChildProducts": [_child_product(child) for child in line.children],
        "Adjustment": _adjustment(line.adjustment) if line.adjustment else None,
    }


def _child_product(line: ChildLine) -> dict[str, object]:
    return {
        "ProductType": line.product_type,
        "Name": line.name,
        "Quantity": line.quantity,
        "Price": line.price,
        "TotalAmount": line.total,
        "ProviderProductID": line.provider_product_id,
        "PLUIdentifier": line.plu_identifier,
        "SalesModifierIdentifier": line.modifier_identifier,
        "SalesModifierName": line.modifier_name,
    }


def _payment(payment: Payment) -> dict[str, object]:
    return {
        "AmountSale": payment.amount_sale,
        "Name": payment.name,
        "ProviderPaymentID": payment.provider_payment_id,
        "AmountTip": payment.amount_tip,
        "AmountSurcharge": payment.amount_surcharge,
        "ExplicitServiceChargeAmount": payment.service_charge,
        "MerchantID": payment.merchant_id,
        "TerminalID": payment.terminal_id,
    }


def _adjustment(adjustment: Adjustment) -> dict[str, object]:
    return {
        "Amount": adjustment.amount,
        "Name": adjustment.name,
        "ProviderAdjustmentID": adjustment.provider_adjustment_id,
        "AdjustmentID": adjustment.adjustment_id,
    }


def _tax(tax: Tax) -> dict[str, object]:
    return {
        "Name": tax.name,
        "Amount": tax.amount,
        "TaxRate": tax.rate,
        "IsAddOnTax": tax.is_add_on,
    }
