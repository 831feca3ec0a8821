"""Django's LOGGING: one redacting handler for the portal and all libraries. Imports nothing from the portal."""

import logging
from typing import Any


def logging_settings(level: str, formatter: str) -> dict[str, Any]:
    """Return Django's LOGGING. `level` is the name of a log level, and `formatter` is `text` or `json`.

    Below INFO, libraries log contents: Django's templates log their whole context, Django's database backends log each
    statement with its values, and HTTP clients log headers and bodies. So LOG_LEVEL=DEBUG applies only to the portal's
    own loggers.
    """
    libraries = max(logging.INFO, logging.getLevelNamesMapping()[level])
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"()": "portal.web.logs.RedactingFormatter"},
            "json": {"()": "portal.web.logs.RedactingJsonFormatter"},
        },
        "filters": {"one_a_minute": {"()": "portal.web.logs.OnePerPeriod"}},
        "handlers": {"stderr": {"class": "portal.web.logs.SamplingHandler", "formatter": formatter}},
        "root": {"handlers": ["stderr"], "level": libraries},
        "loggers": {"integrations": {"level": level}, "portal": {"level": level}, **_libraries(libraries)},
    }


def _libraries(level: int) -> dict[str, Any]:
    return {
        "django": {"handlers": [], "level": level, "propagate": True},
        # Django's own handlers for these two would bypass the redaction.
        "django.server": {"handlers": [], "level": level, "propagate": True},
        "django.channels.server": {"handlers": [], "level": level, "propagate": True},
        "django.request": {"level": "ERROR"},
        "uvicorn": {"handlers": [], "level": "WARNING", "propagate": True},
        # Drop the access log, because a URL may contain a token. Without a handler, uvicorn does not even format lines.
        "uvicorn.access": {"handlers": [], "propagate": False},
        "websockets": {"handlers": [], "level": "WARNING", "propagate": True},
        "daphne": {"handlers": [], "level": "WARNING", "propagate": True},
        "psycopg.pool": {"filters": ["one_a_minute"]},  # it logs each failed connection while the database is down
        "httpx2": {"handlers": [], "level": "WARNING", "propagate": True},
    }
