"""The keys and secrets of the stored installation. All are test values; none protects anything."""

KEYS = {
    "SECRET_KEY": "test-secret-key-of-the-stored-installation-0123456789",
    "CREDENTIAL_KEY": "test-credential-key-of-the-stored-installation-0123456789",
}

ORGANISATION, OTHER_ORGANISATION = "Trattoria Bella", "Café Nord"

# Station has a generated secret, and an old secret that is still valid. Harbour has a secret that PowerEPOS chose.
STATION, STATION_ID, STATION_REMOTE = "Station", "bella-station", "Bella-1"
HARBOUR, HARBOUR_ID, HARBOUR_REMOTE = "Harbour", "bella-harbour", "Bella-2"
STATION_OLDER_SECRET = "ONPS-TEST1-00000-00000-00000-00000-00000-0NDKH"
STATION_SECRET = "ONPS-TEST2-00000-00000-00000-00000-00000-0J0VZ"
HARBOUR_SECRET = "test-secret-that-powerepos-chose-0123456789"
API_KEY_OLDER = "ONPK-TEST1-00000-00000-00000-00000-00000-09679"
API_KEY = "ONPK-TEST2-00000-00000-00000-00000-00000-0XZMV"

WEBHOOK_URL = "http://127.0.0.1:9/hooks"  # the tests replace it with the address of their receiver
WEBHOOK_BYTES = b"test webhook secret of 32 bytes."
WEBHOOK_SECRET = "whsec_dGVzdCB3ZWJob29rIHNlY3JldCBvZiAzMiBieXRlcy4="

# A request that waits for Station's POS. The PIN in the request is stored encrypted.
REQUEST_ID, PIN, USER_IDENTIFIER = "waiting-since-before-the-upgrade", "5678", "1234"

# The code and the passphrase of the hand-over link for Harbour.
LINK, PASSPHRASE = (
    "ONPH-TEST1-00000-00000-00000-00000-00000-0TEST-20000-00000-00000",
    "test passphrase of the stored link",
)

# Anna sees everything and has an authenticator app. Otto sees only Trattoria Bella, and has an app and recovery codes.
ANNA, OTTO, PASSWORD = "anna", "otto", "test-password-of-the-stored-people"
ANNA_SEED, OTTO_SEED = "TESTTESTTESTTESTTESTTESTTESTTEST", "TESTTESTTESTTESTTESTTESTTESTAAAA"
OTTO_RECOVERY_SEED, OTTO_RECOVERY_CODE = "0" * 40, "81246000"

SECRETS = (
    *KEYS.values(),
    STATION_OLDER_SECRET,
    STATION_SECRET,
    HARBOUR_SECRET,
    API_KEY_OLDER,
    API_KEY,
    WEBHOOK_SECRET,
    LINK,
    PASSPHRASE,
    PASSWORD,
    ANNA_SEED,
    OTTO_SEED,
    OTTO_RECOVERY_CODE,
)
