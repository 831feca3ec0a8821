"""Limits on data from a caller that is not authenticated yet. deploy/ states the same limits for the proxies.

Each entry point defines the limits of its own messages: pos/messages.py (authentication and frames),
backend/backend_http.py, and the `max_body` attribute of a page's view.
"""

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE

MAX_HEAD = 64 * KIBIBYTE  # bytes of a request line and its headers; beyond: 431
MAX_HEADERS = 100  # header fields of a request; beyond: 431
MAX_EMPTY_LINES = KIBIBYTE  # bytes of empty lines before a request; beyond: 400
MAX_TARGET = 8_000  # bytes of a request target; RFC 9112 requires at least this many. Beyond: 414
MAX_HANDSHAKE_LINE = (
    8 * KIBIBYTE
)  # bytes of a header line of a websocket handshake: the limit of `websockets`. Beyond: 431
MAX_PAGE_BODY = MEBIBYTE  # bytes of the body of a request to a page; beyond: 413
MAX_PIPELINED = 100  # requests of one connection that wait for the answer to an earlier one; beyond: 429
# A body's framing (chunk sizes, trailers) may have MAX_FRAMING bytes plus FRAMING_PER_BYTE for each byte of content.
# This allows chunks of a single byte. Beyond: 400.
MAX_FRAMING = 128 * KIBIBYTE
FRAMING_PER_BYTE = 8

HEADS_PER_ADDRESS = 100  # unfinished heads from one address; beyond, the oldest is closed with 408
BODIES_PER_ADDRESS = 100  # unfinished bodies from one address; beyond, the oldest gets 429
BODY_BYTES_PER_ADDRESS = 16 * MEBIBYTE  # total bytes of unfinished bodies from an address; beyond, the oldest gets 429

ARRIVAL_SECONDS = 30.0  # time for a request or a websocket handshake to arrive; then the connection is closed
UNREAD_SECONDS = 30.0  # if a peer reads nothing of its answer for this time, the connection is closed
LINGER_SECONDS = 2.0  # before the connection is closed, a peer that is still sending has this time to read its answer
LINGER_BYTES = MEBIBYTE  # bytes that are read and discarded during LINGER_SECONDS; beyond, reading stops
