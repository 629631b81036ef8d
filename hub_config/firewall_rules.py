"""What labs on one engine may reach, as iptables rules: computed here, applied by hub_config.firewall.

All labs are on one bridge. Its subnet has three parts: the gateway, which is the machine itself; the campus's own
addresses (the first 256, the gateway among them), where hub, portal and proxy are; and the labs' range, the upper half,
from which the engine gives addresses. A lab can't take another address: it has no right to change its own, or to send
packets that it makes itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network

#: never the internet: private, carrier-grade, loopback, link-local (the cloud's metadata), test, multicast, reserved
NOT_INTERNET = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
)

Rule = tuple[str, ...]

#: refused at once and not dropped, so that a program is told instead of waiting
REJECT: Rule = ("-j", "REJECT", "--reject-with", "icmp-admin-prohibited")
ANSWERS: Rule = ("-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT")


@dataclass(frozen=True)
class Destination:
    """Where labs may go: a network, and a port of it (0 for every port) over tcp or udp."""

    network: IPv4Network
    port: int = 0
    protocol: str = "tcp"

    @property
    def rule(self) -> Rule:
        port = ("-p", self.protocol, "-m", self.protocol, "--dport", str(self.port)) if self.port else ()
        return ("-d", str(self.network), *port, "-j", "ACCEPT")


@dataclass(frozen=True)
class Fence:
    """What is fenced in: the labs' bridge and its subnet; the ports of hub and portal; what else labs may reach."""

    bridge: str
    subnet: IPv4Network
    ports: tuple[int, ...]
    allowed: tuple[Destination, ...] = ()
    internet: bool = False

    @property
    def forward_chain(self) -> str:
        """The chain for what comes from labs and goes through this machine; at most 28 characters."""
        return f"BGL-FORWARD-{self.bridge}"

    @property
    def into_chain(self) -> str:
        """The chain for what goes to the bridge, from wherever."""
        return f"BGL-INTO-{self.bridge}"

    @property
    def input_chain(self) -> str:
        """The chain for what comes from labs and is for this machine."""
        return f"BGL-INPUT-{self.bridge}"


def read_destination(text: str) -> Destination:
    """A `host/cidr:port`, `host/cidr:port/udp` or `host/cidr` (every port); ValueError tells what is wrong with it."""
    address, _, port = text.strip().partition(":")
    number, _, protocol = port.partition("/")
    try:
        network = ip_network(address)
    except ValueError:
        raise ValueError("it must be an IPv4 address or network, such as 10.1.2.3:5000 or 10.1.2.0/24:53/udp") from None
    if not isinstance(network, IPv4Network):
        raise ValueError("labs have no IPv6; name an IPv4 address or network")
    if port and not (number.isascii() and number.isdigit() and 0 < int(number) < 65536):
        raise ValueError(f"{number!r} is no port from 1 to 65535")
    if protocol not in ("", "tcp", "udp"):
        raise ValueError(f"{protocol!r} is neither tcp nor udp")
    return Destination(network, int(number or 0), protocol or "tcp")


def gateway_of(subnet: IPv4Network) -> str:
    """The machine's own address on the labs' bridge."""
    return str(subnet.network_address + 1)


def campus_addresses(subnet: IPv4Network) -> IPv4Network:
    """The first 256 addresses: the machine, and the campus's own containers."""
    return next(subnet.subnets(new_prefix=24))


def labs_range(subnet: IPv4Network) -> IPv4Network:
    """The upper half: the only addresses that the engine gives to labs."""
    return list(subnet.subnets(prefixlen_diff=1))[1]


def forward_rules(fence: Fence) -> list[Rule]:
    """What becomes of a packet that comes from the bridge and goes elsewhere, or back to the same bridge.

    What may go to the internet is left to the engine's own rules, which keep its networks apart.
    """
    campus = str(campus_addresses(fence.subnet))
    return [
        ANSWERS,
        ("-s", campus, "-o", fence.bridge, "-j", "ACCEPT"),
        ("-s", campus, "-j", "RETURN"),
        *_to_the_campus(fence),
        *(destination.rule for destination in fence.allowed),
        *(("-d", network, *REJECT) for network in (str(fence.subnet), *NOT_INTERNET)),
        ("-j", "RETURN") if fence.internet else REJECT,
    ]


def input_rules(fence: Fence) -> list[Rule]:
    """What becomes of a packet that comes from the bridge and is for this machine, under whichever of its addresses.

    The campus's own containers are left to the machine's own rules. A destination without a port opens a network to
    labs, and not this machine where it lies in it.
    """
    here = [destination.rule for destination in fence.allowed if destination.port]
    trusted: Rule = ("-s", str(campus_addresses(fence.subnet)), "-j", "RETURN")
    return [ANSWERS, trusted, *_to_the_campus(fence), *here, REJECT]


def into_rules(fence: Fence) -> list[Rule]:
    """What becomes of a packet that goes to the bridge: from outside, nobody calls a lab.

    The machine itself doesn't pass here. What comes from the same bridge was judged before.
    """
    return [
        ANSWERS,
        ("-i", fence.bridge, "-j", "RETURN"),
        ("-d", str(campus_addresses(fence.subnet)), "-j", "RETURN"),
        REJECT,
    ]


def chains_of(fence: Fence) -> dict[str, list[Rule]]:
    """Our chains and what is in them."""
    return {
        fence.forward_chain: forward_rules(fence),
        fence.into_chain: into_rules(fence),
        fence.input_chain: input_rules(fence),
    }


def restore_text(fence: Fence) -> str:
    """All chains for iptables-restore, which replaces them in one step."""
    chains = chains_of(fence)
    lines = ["*filter", *(f":{chain} - [0:0]" for chain in chains)]
    lines += [" ".join(("-A", chain, *rule)) for chain, rules in chains.items() for rule in rules]
    return "\n".join([*lines, "COMMIT", ""])


def _to_the_campus(fence: Fence) -> list[Rule]:
    campus = campus_addresses(fence.subnet)
    return [Destination(campus, port).rule for port in fence.ports]
