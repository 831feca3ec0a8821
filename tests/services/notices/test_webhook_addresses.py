"""Webhooks go only to addresses on the internet."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from unittest import mock

import pytest
from django.test import override_settings

from integrations.security.public_addresses import Address, is_public
from integrations.services.errors import InvalidValue
from integrations.services.notices import addresses
from tests.services.notices.deliveries import WithReceiver, fresh, make_delivery, send_due
from tests.support.in_process import in_main


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
        "2001:db8::1", "fec0::1", "feff::1", "192.88.99.1", "192.0.0.1", "192.0.0.8", "192.0.0.170", "198.51.100.1",
        "203.0.113.1", "198.19.255.255", "239.255.255.250", "3fff::1", "3fff:fff::1", "5f00::1", "100::1",
        "100:0:0:1::1",
        "2001::1", "2001:2::1", "2001:10::1", "2001:1::4", "2001:1ff:ffff::1", "fd12::1", "fe80::1%eth0",
        "2606:4700::1111%1", "ff0e::1", "4000::1", "0200::1", "::ffff:0:10.0.0.1", "::8.8.8.8",
        "64:ff9b::10.0.0.1", "64:ff9b::192.88.99.1", "64:ff9b:1::8.8.8.8", "64:ff9b:1:ffff::1", "2002:808:808::1",
        "2001:0:808:808::1", "fe80::5efe:8.8.8.8", "2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:192.168.0.1",
        "2606:4700::100:5efe:127.0.0.1", "2606:4700::300:5efe:169.254.169.254", "2606:4700:0:0:0:5efe:c058:6301",
        "::ffff:192.88.99.1", "::ffff:224.0.0.1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_on_the_internet_is_refused(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "93.184.215.14", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "192.88.98.1", "192.0.1.1", "192.0.0.9",
        "192.31.196.1", "192.52.193.1", "192.175.48.1", "100.128.0.1", "172.32.0.1", "198.20.0.1", "223.255.255.255",
        "2001:200::1", "2001:4860:4860::8888", "2001:1::1", "2001:3::1", "2001:4:112::1", "2001:20::1", "2001:30::1",
        "2001:db7::1", "2003::1", "2620:4f:8000::1", "3ffe::1", "64:ff9b::8.8.8.8", "2606:4700::5efe:8.8.8.8",
        "2606:4700::5eff:10.0.0.1",
    ],
)  # fmt: skip
def test_an_address_on_the_internet_is_accepted(text: str) -> None:
    assert is_public(ip_address(text))


def test_public_addresses_do_not_depend_on_the_python_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """`is_public` must not use the properties of `ipaddress`, which changed in Python 3.11.9, 3.12.4 and 3.13."""
    for kind in (IPv4Address, IPv6Address):
        for name in ("is_global", "is_private", "is_reserved", "is_multicast", "is_site_local"):
            monkeypatch.setattr(kind, name, property(_must_not_be_used), raising=False)
    assert is_public(ip_address("8.8.8.8"))
    assert not is_public(ip_address("fec0::1"))


def _must_not_be_used(address: object) -> bool:
    raise AssertionError(address)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "0", "0x0", "3232235777", "127.0.0.1.",
        "127.0.0.%31", "10.8", "[::ffff:7f00:1]", "[fec0::1]", "[fe80::1%25eth0]", "[2606:4700::5efe:a00:1]",
        "[64:ff9b::7f00:1]", "192.88.99.1",
    ],
)  # fmt: skip
def test_a_private_address_in_a_url_is_refused_in_any_spelling(host: str) -> None:
    with pytest.raises(InvalidValue, match="is not a public address"):
        addresses.check_url(f"https://{host}/hooks")


@pytest.mark.parametrize(
    "host", ["134744072", "0x8.0x8.0x8.0x8", "010.8.8.8", "[64:ff9b::808:808]", "hooks.example.com"]
)
def test_a_public_address_in_a_url_is_accepted_in_any_spelling(host: str) -> None:
    addresses.check_url(f"https://{host}/hooks")


@pytest.mark.parametrize(
    "host",
    [
        "a" * 300 + ".com", "a" * 64 + ".com", ".".join(["a" * 60] * 5), "a..b.com", ".com", "-a.com", "a-.com",
        "*.example.com", "%65xample.com", "exa$mple.com", "256.256.256.256", "1.2.3.4.5", "[v1.a]",
    ],
)  # fmt: skip
def test_a_host_that_cannot_exist_is_refused(host: str) -> None:
    with pytest.raises(InvalidValue, match="The host of the URL cannot exist"):
        addresses.check_url(f"https://{host}/hooks")


@pytest.mark.parametrize("port", ["0", "65536", "443x"])
def test_a_port_that_cannot_exist_is_refused(port: str) -> None:
    with pytest.raises(InvalidValue, match="This is not a URL"):
        addresses.check_url(f"https://example.com:{port}/hooks")


@pytest.mark.parametrize(
    "host",
    ["a" * 63 + ".com", ".".join(["a" * 63] * 3), "example.com.", "crm_2.example.com", "xn--mnchen-3ya.com", "1a.4u"],
)
def test_an_unusual_host_name_is_accepted(host: str) -> None:
    addresses.check_url(f"https://{host}:8443/hooks")


class DeliveringToAddresses(WithReceiver):
    async def test_a_proxy_from_the_environment_is_not_used(self) -> None:
        with mock.patch.dict("os.environ", {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}):
            await in_main(make_delivery, self.receiver.url)
            await send_due()
        assert len(self.receiver.got) == 1

    async def test_a_name_in_the_portal_s_own_network_is_refused_if_private_addresses_are(self) -> None:
        url = f"http://localhost:{self.receiver.port}/hooks"
        _, _, delivery = await in_main(make_delivery, url)
        with override_settings(WEBHOOK_ALLOW_PRIVATE=False):
            await send_due()
        assert self.receiver.got == []
        assert "is not a public address" in (await in_main(fresh, delivery)).error

    async def test_the_connection_goes_to_the_checked_address_even_if_the_name_changes(self) -> None:
        """DNS rebinding: the name is looked up only once, so a second answer with another address is never used."""
        answers: Iterator[str] = iter(["127.0.0.1"])
        asked = []

        def rebinding(host: str, port: int) -> list[Address]:
            asked.append(host)
            return [ip_address(next(answers))]

        url = f"http://rebinding.example:{self.receiver.port}/hooks"
        _, secret, _ = await in_main(make_delivery, url)
        with mock.patch.object(addresses, "_look_up", rebinding):
            await send_due()
        assert asked == ["rebinding.example"]
        (got,) = self.receiver.got
        assert got.headers["host"] == f"rebinding.example:{self.receiver.port}"
        assert got.verified(secret)

    async def test_one_private_address_among_public_ones_is_refused(self) -> None:
        both = [ip_address("93.184.215.14"), ip_address("10.0.0.8")]
        _, _, delivery = await in_main(make_delivery, "http://two-faced.example/hooks")
        with (
            override_settings(WEBHOOK_ALLOW_PRIVATE=False),
            mock.patch.object(addresses, "_look_up", return_value=both),
        ):
            await send_due()
        assert "10.0.0.8 is not a public address" in (await in_main(fresh, delivery)).error
