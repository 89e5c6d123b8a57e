"""What counts as one address, and as one network.

An IPv6 customer owns a whole /64 and could use each address in turn, so a /64 is one address. Many
get a /48 of 65,536 of those, so a /48 is one network. An IPv4 address is both.
"""

import ipaddress
from typing import Final

_UNKNOWN: Final = "unknown"


def address_of(text: str) -> str:
    """The address as it counts: IPv4 whole, IPv6 by its /64, "unknown" for anything else."""
    return _shortened(text, 64)


def network_of(text: str) -> str:
    """The network as it counts: IPv4 whole, IPv6 by its /48, "unknown" for anything else."""
    return _shortened(text, 48)


def _shortened(text: str, prefix: int) -> str:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return _UNKNOWN
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed.packed, prefix), strict=False))
