"""Who may ask, and how often."""

from __future__ import annotations

import ipaddress
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request

from skintag.serving.problems import Problem
from skintag.serving.settings import Settings


class RateLimit:
    """A bucket of tokens a client: it fills steadily, and every picture takes one.

    Args:
        per_minute: tokens that come back; 0: there is no limit.
        burst: that a bucket holds.
        clients: that are kept count of; who has not asked for longest is forgotten first.
        clock: seconds.
    """

    def __init__(
        self, per_minute: float, burst: int, clients: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._clients, self._clock = per_minute / 60, burst, clients, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str, n: int = 1) -> None:
        """Raise Problem 429, with how long to wait, where the client has not as many left."""
        if not self._rate:
            return
        now = self._clock()
        left, then = self._buckets.pop(client, (float(self._burst), now))
        left = min(self._burst, left + (now - then) * self._rate)
        allowed = left >= n
        self._buckets[client] = (left - n if allowed else left, now)
        while len(self._buckets) > self._clients:
            self._buckets.popitem(last=False)
        if not allowed:
            wait = max(1, math.ceil((min(n, self._burst) - left) / self._rate))
            detail = f"More pictures than {self._rate * 60:g} a minute: wait {wait} s and ask again."
            raise Problem(429, "rate", detail, retry_after=wait)


def client_of(request: Request) -> str:
    """Whom a request counts for: its address; of IPv6 the network of 64 bits, for everybody has as many."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False).network_address)
    return host


class ApiKey:
    """Lets in whoever knows the key; everybody where there is none."""

    def __init__(self, settings: Settings) -> None:
        key = settings.api_key
        self._key = None if key is None else key.get_secret_value().encode()

    def check(self, request: Request) -> None:
        """Raise Problem 401 where the key is wrong or missing."""
        if self._key is None:
            return
        given = request.headers.get("x-api-key")
        if given is None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            given = given if scheme.lower() == "bearer" else ""
        if not secrets.compare_digest(given.encode("latin-1"), self._key):
            raise Problem(
                401, "key", "Expected the API key in X-API-Key, or as a bearer token; ask whoever runs this."
            )
