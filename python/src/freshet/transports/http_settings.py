"""How to reach a gateway."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from .. import __version__
from ..addresses import Address
from ..backends import Request
from ..errors import Unavailable

MAX_ANSWER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class HTTPSettings:
    """How to connect; `timeout` holds for connecting and for each wait for bytes."""

    address: Address
    token: str | None = None
    timeout: float = 5.0
    pool_size: int = 16
    ca_file: str | Path | None = None

    @property
    def target_prefix(self) -> str:
        return urlsplit(self.address.url).path.rstrip("/")

    def target(self, request: Request) -> str:
        query = urlencode(request.query)
        return f"{self.target_prefix}{request.path}{'?' + query if query else ''}"

    def headers(self, request: Request) -> dict[str, str]:
        headers = {"User-Agent": f"freshet-python/{__version__}", "Accept": "application/json", **request.headers}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers

    def tls_context(self) -> ssl.SSLContext | None:
        if not self.address.url.startswith("https:"):
            return None
        return ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file))

    def unreachable(self, fault: Exception) -> Unavailable:
        reason = str(fault) or type(fault).__name__
        return Unavailable(
            f"the gateway at {self.address.redacted} cannot be reached: {reason}", fix="is it running there?"
        )

    def late(self, seconds: float) -> Unavailable:
        return Unavailable(
            f"the gateway at {self.address.redacted} did not answer within {seconds:g} s",
            fix="raise timeout, or look at its load",
        )


def read_token(path: str | Path) -> str:
    """The token in a file, whose first line it is."""
    lines = Path(path).read_text(encoding="utf-8").split("\n")
    token = lines[0].strip()
    if not token:
        raise ValueError(f"there is no token in {path}")
    return token
