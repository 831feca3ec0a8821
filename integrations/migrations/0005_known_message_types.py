from django.db import migrations

KNOWN = (
    ("GetUserFromPIN", 0, "Checks a user's PIN: who it is, and whether that user may take payments."),
    ("GetOpenOrders", 1, "Lists the open orders, of one table or of all."),
    ("UpdateOrder", 12, "Adds lines, adjustments and notes to an open order."),
    ("CreateOrder", None, "Opens an order; with payments in it, a paid one."),
    ("SimulateOrder", None, "Says what an order would cost, and opens none."),
    ("CreatePayment", None, "Adds a payment to an order."),
)


def add(apps, _schema_editor):
    message_type = apps.get_model("integrations", "MessageType")
    for name, number, description in KNOWN:
        message_type.objects.create(
            name=name, number=number, description=description, payload_model=f"OrderNPay{name}Request"
        )


class Migration(migrations.Migration):
    dependencies = [("integrations", "0004_requests_keys_message_types")]

    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
