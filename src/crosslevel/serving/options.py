"""Where a server listens and whom it lets in: the options of the commands that start one."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from crosslevel.errors import InputError

TOKEN_VARIABLE = "CROSSLEVEL_TOKEN"
SHORTEST_TOKEN = 16
"""Characters."""


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Where a server listens and what it lets in.

    Attributes:
        host: Address to listen on; any but this machine's own (127.0.0.1) needs a token.
        port: Port to listen on; 0 for a free one.
        token: What callers have to know; better given as CROSSLEVEL_TOKEN, since other users see
            the words of a command.
        allow_host: Further names by which callers may address this server.
        max_megabytes: Largest request, in millions of bytes.
        max_seconds: Longest time that a caller may take to send a request.
    """

    host: str = "127.0.0.1"
    port: int = 8642
    token: str | None = None
    allow_host: tuple[str, ...] = ()
    max_megabytes: int = 64
    max_seconds: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what would be open to strangers.

        Raises:
            InputError: Naming the option.
        """
        if self.token is None and not is_loopback(self.host):
            raise InputError(
                f"--host {self.host} lets other machines call, which needs a token: set "
                f"{TOKEN_VARIABLE} to at least {SHORTEST_TOKEN} characters, or leave --host out."
            )
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise InputError(
                f"The token has {len(self.token)} characters; at least {SHORTEST_TOKEN} are "
                "expected. Make one with `openssl rand -hex 16`."
            )
        for name, least in (("port", 0), ("max_megabytes", 1), ("max_seconds", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least {least}.")

    @property
    def host_names(self) -> frozenset[str]:
        """What a caller may write as the host, in lower case; without a port."""
        own = {"localhost", "127.0.0.1", "[::1]", _in_address(self.host).lower()}
        if not is_loopback(self.host):
            own |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        return frozenset(own | {name.lower() for name in self.allow_host})

    @property
    def allows_addresses(self) -> bool:
        """Whether a caller may write any IP address as the host: a rebound name is not one."""
        return not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can call a server that listens on this host.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
        (True, False)
    """
    if host == "localhost":
        return True
    return is_address(host) and ipaddress.ip_address(host).is_loopback


def is_address(host: str) -> bool:
    """Return whether this is an IP address, and not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def address(host: str, port: int) -> str:
    """Return where a browser finds a server.

    Example:
        >>> address("::1", 80)
        'http://[::1]:80'
    """
    return f"http://{_in_address(host)}:{port}"


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host
