"""The paths that callers other than browsers are told, each written once. Pure.

The simulator knows the specification's path by itself: it stands for a program that is not ours.
"""

AUTH_PATH = "/api/powerepos/v1/auth"  # SPEC
API_PATH = "/api/v1/"
HANDOVER_PATH = "/handover/"
