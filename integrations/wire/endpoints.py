"""The paths for callers other than browsers, each defined once. Pure.

The simulator defines the specification's path itself, because it represents a third-party program.
"""

AUTH_PATH = "/api/powerepos/v1/auth"  # SPEC
API_PATH = "/api/v1/"
HANDOVER_PATH = "/handover/"
