"""What a URL says about how to reach a server; passwords never get into messages."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

GATEWAY_SCHEMES = ("http", "https")
REDIS_SCHEMES = ("redis", "rediss", "unix")


@dataclass(frozen=True)
class Address:
    """A URL of Redis or of a gateway."""

    url: str

    def __post_init__(self) -> None:
        scheme = urlsplit(self.url).scheme
        if scheme not in GATEWAY_SCHEMES + REDIS_SCHEMES:
            raise ValueError(
                f"{self.redacted!r} is no URL of Redis or a gateway; "
                "write redis://127.0.0.1:6379, unix:///run/redis.sock or http://127.0.0.1:8087"
            )

    @property
    def is_gateway(self) -> bool:
        return urlsplit(self.url).scheme in GATEWAY_SCHEMES

    @property
    def redacted(self) -> str:
        """The URL for messages, without user and password."""
        try:
            parts = urlsplit(self.url)
        except ValueError:
            return "the URL"
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))
