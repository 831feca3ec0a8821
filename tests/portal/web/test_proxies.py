"""A trusted proxy's headers are understood in any spelling; limits count all spellings of an address as one."""

import asyncio
from typing import Any

import pytest

from integrations.text.client_address import address_in, canonical, network_of
from portal.web.proxies import ProxyHeaders

PROXY, OUTER, CLIENT = "10.0.0.1", "10.0.0.2", "203.0.113.9"


def forwarded(
    headers: list[tuple[str, str]], *, peer: str = PROXY, kind: str = "http", scheme: str = "https"
) -> dict[str, Any]:
    """Return the scope that the application gets for a request with these headers from this peer."""
    seen: list[dict[str, Any]] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope)

    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": kind, "headers": raw, "client": (peer, 4711), "scheme": {"http": "http", "websocket": "ws"}[kind]}
    trusted = [PROXY, OUTER, "2001:db8:aaaa::/48", "::ffff:10.0.1.0/120"]
    asyncio.run(ProxyHeaders(app, trusted=trusted, scheme=scheme)(scope, _nothing, _nothing))
    return seen[0]


async def _nothing(*_args: Any) -> None:
    raise AssertionError("nothing is received or sent here")


@pytest.mark.parametrize(
    ("said", "scheme"),
    [
        (["https"], "https"),
        (["HTTPS"], "https"),
        (["Https"], "https"),
        (["\t https "], "https"),
        (['"https"'], "https"),
        (["https,http"], "https"),
        (["https, http"], "https"),
        (["http, https"], "https"),
        (["HTTP ,HTTPS"], "https"),
        (["https", "http"], "https"),
        (["http", "https"], "https"),
        (["wss"], "https"),
        (["http"], "http"),
        (["HTTP"], "http"),
        (["http,http"], "http"),
        (["http,"], "http"),
        (["http,on"], "http"),
        (["ws"], "http"),
    ],
)
def test_a_trusted_proxys_scheme_is_read_in_any_spelling(said: list[str], scheme: str) -> None:
    assert forwarded([("X-Forwarded-Proto", each) for each in said])["scheme"] == scheme


@pytest.mark.parametrize("said", [[], [""], [","], ["on"], ["httpss"], ["443"], ["h\xa0ttp"], ["x" * 10_000]])
def test_without_a_known_scheme_from_a_trusted_proxy_that_of_public_url_applies(said: list[str]) -> None:
    headers = [("X-Forwarded-Proto", each) for each in said]
    assert forwarded(headers, scheme="https")["scheme"] == "https"
    assert forwarded(headers, scheme="http")["scheme"] == "http"


def test_a_websocket_has_a_websocket_scheme() -> None:
    assert forwarded([("X-Forwarded-Proto", "HTTPS,http")], kind="websocket")["scheme"] == "wss"
    assert forwarded([("X-Forwarded-Proto", "http")], kind="websocket")["scheme"] == "ws"


def test_no_untrusted_peer_is_believed() -> None:
    headers = [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", CLIENT), ("Forwarded", f"for={CLIENT};proto=https")]
    scope = forwarded(headers, peer="198.51.100.1")
    assert (scope["scheme"], address_in(scope)) == ("http", "198.51.100.1")


def test_the_forwarded_header_is_never_read() -> None:
    scope = forwarded([("Forwarded", f"for={CLIENT};proto=http"), ("X-Forwarded-Proto", "https")])
    assert (scope["scheme"], address_in(scope)) == ("https", PROXY)


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ([CLIENT], CLIENT),
        ([f"{CLIENT}:51234"], CLIENT),
        ([f'"{CLIENT}:51234"'], CLIENT),
        (["[2001:db8::7]"], "2001:db8::7"),
        (["[2001:db8::7]:51234"], "2001:db8::7"),
        (["2001:DB8:0::7"], "2001:db8::7"),
        (["fe80::7%eth0"], "fe80::7"),
        (["[fe80::7%25eth0]:1"], "fe80::7"),
        ([f"::ffff:{CLIENT}"], CLIENT),
        ([f"[::ffff:{CLIENT}]:80"], CLIENT),
        ([f"192.0.2.1, {CLIENT}"], CLIENT),
        (["192.0.2.1", CLIENT], CLIENT),
        ([f"192.0.2.1, {CLIENT}, {OUTER}"], CLIENT),
        ([f"192.0.2.1, {CLIENT}, {OUTER}:443 , ::ffff:10.0.0.2"], CLIENT),
        ([f"{CLIENT}, 2001:db8:aaaa::5"], CLIENT),
        ([f"{CLIENT}, 10.0.1.77"], CLIENT),
        (["10.0.1.77"], "10.0.1.77"),
        ([f"{CLIENT}, unknown, {OUTER}"], OUTER),
        ([f"{CLIENT}, _hidden"], PROXY),
        ([f"{CLIENT},"], PROXY),
        ([f"{CLIENT}, 1.2.3.4.5"], PROXY),
        ([f"{CLIENT}, [2001:db8::7"], "2001:db8::7"),
        ([f"{CLIENT}, 999.1.1.1"], PROXY),
        (["x" * 60_000], PROXY),
        ([""], PROXY),
        ([", ".join(["192.0.2.1"] * 5_000 + [CLIENT])], CLIENT),
        ([", ".join([CLIENT] + [OUTER] * 5_000)], OUTER),
    ],
)
def test_the_client_is_the_last_address_that_is_not_a_trusted_proxys(said: list[str], address: str) -> None:
    assert address_in(forwarded([("X-Forwarded-For", each) for each in said])) == address


@pytest.mark.parametrize("peer", ["::ffff:10.0.0.1", "10.0.1.9", "::ffff:10.0.1.9", "2001:db8:aaaa:1::%3"])
def test_a_trusted_proxy_is_recognised_in_any_spelling_of_its_address(peer: str) -> None:
    scope = forwarded([("X-Forwarded-For", CLIENT), ("X-Forwarded-Proto", "https")], peer=peer)
    assert (scope["scheme"], address_in(scope)) == ("https", CLIENT)


@pytest.mark.parametrize(
    ("text", "shown", "key"),
    [
        ("198.51.100.7", "198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7", "198.51.100.7"),
        ("::FFFF:c633:6407", "198.51.100.7", "198.51.100.7"),
        ("2001:DB8:1:2:0:0:0:7", "2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
        ("::1", "::1", "::/64"),
        ("", "", ""),
        ("unix:", "unix:", "unix:"),
        ("testclient\x00", "testclient\ufffd", "testclient\ufffd"),
        ("x" * 100, "x" * 45, "x" * 45),
    ],
)
def test_an_address_has_one_spelling_and_one_key(text: str, shown: str, key: str) -> None:
    assert (canonical(text), network_of(text)) == (shown, key)
    assert network_of(canonical(text)) == key
