"""Each outlet has its own address, whatever characters its ProviderOutletID contains."""

from urllib.parse import quote

from integrations.models.api_key import Scope
from tests.backend.answers import kind_of
from tests.support.backend_client import Backend
from tests.support.factories import make_organisation, make_outlet
from tests.support.in_process import InProcess, in_main

SCOPES = [Scope.OUTLETS_READ, Scope.OUTLETS_WRITE]
CALLS = ("check", "enable", "requests", "connections", "attempts", "handover-links", "handover-links/7", "disable")
IDS = [
    *(f"bella/{call}" for call in CALLS),
    *("/check", "a//b", "a/", "a/../b", "50%", "50%2F", "a?b#c", "a+b c", "a;b&c=d", "~!$'()*,:@"),
    "k\u00fcche/\u6771\u4eac",
]


class Addresses(InProcess):
    async def test_an_encoded_id_leads_to_its_outlet(self) -> None:
        backend = await Backend.make(scopes=SCOPES)
        for each in IDS:
            await in_main(make_outlet, f"Named {each}", provider_outlet_id=each)
            for encoded in (quote(each, safe=""), quote(each, safe="").replace("%2F", "%2f")):
                found = await backend.get(f"outlets/{encoded}")
                assert (found.status, found.json()["provider_outlet_id"]) == (200, each)

    async def test_the_calls_of_an_outlet_take_an_encoded_id(self) -> None:
        backend = await Backend.make(scopes=[*SCOPES, Scope.HANDOVER_WRITE])
        await in_main(make_outlet, provider_outlet_id="bella")
        await in_main(make_outlet, "Enable", provider_outlet_id="bella/enable")
        enabled = await backend.call("POST", "outlets/bella%2Fenable/enable", pos_remote_id="P-1")
        assert enabled.json()["provider_outlet_id"] == "bella/enable"
        linked = await backend.call("POST", "outlets/bella%2Fenable/handover-links", passphrase="open sesame 42")
        assert linked.headers["location"].startswith("/api/v1/outlets/bella%2Fenable/handover-links/")
        assert (await backend.get("outlets/bella")).json()["integration"] == "not_enabled"

    async def test_the_location_of_a_new_outlet_leads_to_it(self) -> None:
        backend = await Backend.make(scopes=SCOPES)
        organisation = await in_main(make_organisation)
        for each in IDS:
            created = await backend.call(
                "POST", "outlets", organisation_id=organisation.pk, name=f"Named {each}", provider_outlet_id=each
            )
            location = created.headers["location"].removeprefix("/api/v1/")
            assert (await backend.get(location)).json()["provider_outlet_id"] == each

    async def test_an_encoded_slash_before_the_id_is_read_as_a_plain_one(self) -> None:
        backend = await Backend.make(scopes=SCOPES)
        await in_main(make_outlet, provider_outlet_id="bella")
        assert kind_of(await backend.get("outlets%2Fbella")) == "not-found"

    async def test_an_id_that_clients_remove_from_paths_is_refused_for_new_outlets(self) -> None:
        backend = await Backend.make(scopes=SCOPES)
        organisation = await in_main(make_organisation)
        for each in (".", ".."):
            refused = await backend.call(
                "POST", "outlets", organisation_id=organisation.pk, name="Bella", provider_outlet_id=each
            )
            assert (refused.status, kind_of(refused)) == (422, "invalid-input")
            assert "cannot be part of a web address" in refused.json()["detail"]

    async def test_an_existing_outlet_is_found_by_its_id_in_the_list(self) -> None:
        backend = await Backend.make(scopes=SCOPES)
        outlet = await in_main(make_outlet, provider_outlet_id="elsewhere")
        await in_main(type(outlet).objects.filter(pk=outlet.pk).update, provider_outlet_id="..", match_id="..")
        listed = (await backend.get("outlets?provider_outlet_id=..")).json()["results"]
        assert [each["provider_outlet_id"] for each in listed] == [".."]
