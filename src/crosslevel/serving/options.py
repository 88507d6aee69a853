"""Where a server listens and whom it lets in: the options of the commands that start one."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path

from crosslevel.errors import InputError

TOKEN_VARIABLE = "CROSSLEVEL_TOKEN"
SHORTEST_TOKEN = 16
"""Characters."""
LAST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Where a server listens and what it lets in.

    Attributes:
        host: Address to listen on; any but this machine's own (127.0.0.1) needs a token.
        port: Port to listen on; 0 for a free one.
        token: What callers have to know; better given as CROSSLEVEL_TOKEN, since other users see
            the words of a command.
        allow_host: Further name by which callers may address this server; commas between several.
        max_megabytes: Largest request, in millions of bytes.
        max_seconds: Longest time that a caller may take to send a request.
    """

    host: str = "127.0.0.1"
    port: int = 8642
    token: str | None = None
    allow_host: str = ""
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
        if self.port > LAST_PORT:
            raise InputError(f"port is {self.port}; it must be at most {LAST_PORT}.")

    @property
    def max_bytes(self) -> int:
        """Largest request."""
        return self.max_megabytes * 1_000_000

    @property
    def host_names(self) -> frozenset[str]:
        """What a caller may write as the host, in lower case; without a port."""
        own = {"localhost", "127.0.0.1", "[::1]", _in_address(self.host).lower()}
        if not is_loopback(self.host):
            own |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        return frozenset(own | {name.strip() for name in self.allow_host.lower().split(",")} - {""})

    @property
    def allows_addresses(self) -> bool:
        """Whether a caller may write any IP address as the host: a rebound name is not one."""
        return not is_loopback(self.host)


@dataclass(frozen=True, kw_only=True)
class ServiceOptions:
    """What a service takes.

    Attributes:
        max_megapixels: Largest image, in millions of pixels.
        files: Folder from which Label Studio's tasks may name images; none if left out.
    """

    max_megapixels: int = 100
    files: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what no image fits, and a folder that does not exist.

        Raises:
            InputError: Naming the option.
        """
        if self.max_megapixels < 1:
            raise InputError(f"max_megapixels is {self.max_megapixels}; it must be at least 1.")
        if self.files is not None and not self.files.is_dir():
            raise InputError(f"--files {self.files} is not a folder: name the one with the images.")

    @property
    def max_pixels(self) -> int:
        """Of the largest image."""
        return self.max_megapixels * 1_000_000


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
