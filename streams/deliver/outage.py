"""Events about a platform that does not answer: from when on, where and why. The breaker itself decides without writing any."""

from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from streams.deliver.address import address_of
from streams.deliver.breaker import Breaker, Phase
from streams.deliver.remedies import REMEDIES
from streams.deliver.throttle import Throttle
from streams.deliver.throttles import OTHERS_AFTER_S, Throttles
from streams.deliver.verdict import Retry

logger = structlog.get_logger(__name__)

_TOLD_FROM, _TOLD_EVERY = 3, 10


class Outage:
    """Tells when the breaker opens, again after every probe that failed, and when it closes.

    proxy: between us and the platform, as it is set.
    """

    def __init__(self, *, proxy: str | None, now: Callable[[], float]) -> None:
        self._proxy = "" if proxy is None else address_of(proxy)
        self._now = now
        self._began: float | None = None
        self._since = datetime.fromtimestamp(0, UTC)

    def tell(self, before: Breaker, after: Breaker, *, failed: Retry | None, url: str) -> None:
        """Tell what a request to `url` changed. failed: what became of it, None where there was an answer."""
        if failed is not None and before.phase is not Phase.OPEN and after.phase is Phase.OPEN:
            if self._began is None:
                self._began, self._since = self._now(), datetime.now(UTC)
            logger.warning(
                "breaker_opened",
                address=address_of(url),
                proxy=self._proxy,
                cause=failed.cause.value,
                code=failed.code,
                http_status=failed.http_status,
                error=failed.error,
                platform_says=failed.words,
                remedy=REMEDIES[failed.cause],
                failures=after.failures,
                since=self._since,
                probe_in_s=after.wait_s,
            )
        elif before.phase is not Phase.CLOSED and after.phase is Phase.CLOSED and self._began is not None:
            logger.info("breaker_closed", address=address_of(url), since=self._since, open_s=round(self._now() - self._began, 1))
            self._began = None

    def tell_throttled(self, before: Throttle, after: Throttle, *, url: str, institution: str, throttles: Throttles) -> None:
        """Tell of an institution of which no more is taken for the third time in a row, and then of every tenth: nothing else
        would. At once where that is for so long that the others do not wait for it.
        """
        times, wait_s = after.times, after.until - self._now()
        at_once = times == 1 and wait_s >= OTHERS_AFTER_S
        if times > before.times and (at_once or times == _TOLD_FROM or times % _TOLD_EVERY == 0):
            logger.warning(
                "platform_throttled",
                address=address_of(url),
                institution=institution,
                all_stand=throttles.all.until > self._now(),
                times=times,
                wait_s=round(wait_s, 1),
            )
