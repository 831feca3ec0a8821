"""Client of the Order N Pay portal.

`Client` and `AsyncClient` call the API. `errors` has a class for each problem, `models` has the types of the answers,
and `params` has the types of your input. `verify_webhook` checks the signature of a webhook.
"""

from order_n_pay import errors, models, params
from order_n_pay._async.client import AsyncClient
from order_n_pay._sync.client import Client
from order_n_pay.webhooks import WebhookEvent, verify_webhook

__all__ = ["AsyncClient", "Client", "WebhookEvent", "errors", "models", "params", "verify_webhook"]
