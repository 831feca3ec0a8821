"""How much a caller may send before the portal knows it. deploy/ states the same limits for the proxies.

What a caller may send after that is each entry point's own: pos/messages.py, backend/orders.py, and `max_body` of a
page.
"""

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE

MAX_HEAD = 64 * KIBIBYTE  # bytes of a request line and its headers; beyond: 431
MAX_HEADERS = 100  # beyond: 431
MAX_EMPTY_LINES = KIBIBYTE  # bytes of empty lines before a request; beyond: 400
MAX_TARGET = 8_000  # bytes of a request target; RFC 9112 asks for at least these. Beyond: 414
MAX_HANDSHAKE_LINE = (
    8 * KIBIBYTE
)  # bytes of a header line of a websocket handshake: what `websockets` reads. Beyond: 431
MAX_BODY = MEBIBYTE  # bytes of the body of a request to a page; beyond: 413
MAX_PIPELINED = 100  # requests of one connection that wait for the answer to an earlier one; beyond: 429
# What frames a body may take up beside it: trailers, chunk sizes, and chunks of a single byte. Beyond: 400.
MAX_FRAMING = 128 * KIBIBYTE
FRAMING_PER_BYTE = 8

HEADS_PER_ADDRESS = 100  # half-sent heads of one address; beyond, the oldest is closed with 408
BODIES_PER_ADDRESS = 100  # half-sent bodies of one address; beyond, the oldest gets 429
BODY_BYTES_PER_ADDRESS = 16 * MEBIBYTE  # of half-sent bodies together; beyond, the oldest gets 429

ARRIVAL_SECONDS = 30.0  # for a request, or the beginning of a websocket, to arrive whole; then it is cut
UNREAD_SECONDS = 30.0  # in which a peer that is sent an answer reads none of it; then it is cut
LINGER_SECONDS = 2.0  # for a peer to read its answer before a connection is closed under what it still sends
LINGER_BYTES = MEBIBYTE  # that are read and dropped meanwhile; then it is not read any more
