"""Django's LOGGING: one handler, which redacts, for the portal and for every library. Imports nothing of the portal."""

import logging
from typing import Any


def logging_settings(level: str, formatter: str) -> dict[str, Any]:
    """Return LOGGING for a level's name, and `text` or `json`.

    Below INFO libraries log contents: Django's templates their whole context, its databases each statement with its
    values, HTTP clients headers and bodies. So LOG_LEVEL=DEBUG is for the portal's own loggers, whatever is installed.
    """
    libraries = max(logging.INFO, logging.getLevelNamesMapping()[level])
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"()": "portal.web.logs.RedactingFormatter"},
            "json": {"()": "portal.web.logs.RedactingJsonFormatter"},
        },
        "filters": {"seldom": {"()": "portal.web.logs.Seldom"}},
        "handlers": {"stderr": {"class": "portal.web.logs.SamplingHandler", "formatter": formatter}},
        "root": {"handlers": ["stderr"], "level": libraries},
        "loggers": {
            "integrations": {"level": level},
            "portal": {"level": level},
            "django": {"handlers": [], "level": libraries, "propagate": True},
            # Django's own handlers for these two would print past the redaction.
            "django.server": {"handlers": [], "level": libraries, "propagate": True},
            "django.channels.server": {"handlers": [], "level": libraries, "propagate": True},
            "django.request": {"level": "ERROR"},
            "uvicorn": {"handlers": [], "level": "WARNING", "propagate": True},
            # Nobody hears it (a URL may hold a token); uvicorn writes each line all the same unless none can.
            "uvicorn.access": {"handlers": [], "propagate": False},
            "websockets": {"handlers": [], "level": "WARNING", "propagate": True},
            "daphne": {"handlers": [], "level": "WARNING", "propagate": True},
            "psycopg.pool": {"filters": ["seldom"]},  # while the database is away, a line for each connection
            "httpx2": {"handlers": [], "level": "WARNING", "propagate": True},
        },
    }
