from django.urls import path, re_path

from integrations.pos.consumer import PosConsumer
from integrations.pos.middleware import TokenAuth, not_found

# The socket is at the root: a POS connects to wss://HOST?token=... with no path (SPEC). Channels routes ASGI
# applications with the functions that Django wrote for views.
sockets = [path("", TokenAuth(PosConsumer.as_asgi()))]  # type: ignore[arg-type]
anything_else = re_path(r"", not_found)  # type: ignore[arg-type]
