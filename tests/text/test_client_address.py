"""Addresses and networks are normalised before they are compared, so their spelling does not matter."""

import pytest

from integrations.text.client_address import is_in, parsed_network


@pytest.mark.parametrize("network", ["10.0.0.0/8", "::ffff:10.0.0.0/104", "::ffff:a00:0/104"])
@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_an_ipv4_address_is_in_its_network_in_any_spelling(network: str, address: str) -> None:
    assert str(parsed_network(network)) == "10.0.0.0/8"
    assert is_in(address, [parsed_network(network)])
    assert not is_in("11.1.2.3", [parsed_network(network)])


def test_a_network_has_no_scope_id() -> None:
    assert str(parsed_network("fe80::1%eth0")) == "fe80::1/128"
    assert is_in("fe80::1%eth1", [parsed_network("fe80::1%eth0")])


def test_an_ipv6_network_of_all_addresses_contains_no_ipv4_address() -> None:
    assert is_in("2001:db8::7", [parsed_network("::/0")])
    assert not is_in("::ffff:10.1.2.3", [parsed_network("::/0")])


@pytest.mark.parametrize("text", ["", "nonsense", "10.0.0.1/8", "10.0.0.0/33", "::ffff:10.0.0.1/104"])
def test_any_other_text_is_not_a_network(text: str) -> None:
    with pytest.raises(ValueError, match=r"has host bits set|does not appear to be"):
        parsed_network(text)
    assert not is_in(text, [parsed_network("0.0.0.0/0")])
