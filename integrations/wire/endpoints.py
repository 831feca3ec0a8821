"""The paths for programs and for the recipients of hand-over links, each defined once.

The simulator defines the specification's path itself, because it represents a third-party program.
"""

API_ROOT = "/api/"  # all paths below it are for programs
AUTH_PATH = f"{API_ROOT}powerepos/v1/auth"  # PowerEPOS's specification prescribes this path (SPEC)
API_PATH = f"{API_ROOT}v1/"
HANDOVER_PATH = "/handover/"
