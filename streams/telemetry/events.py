"""Events: one JSON object per line on standard error, or readable lines on a terminal.

Fields are ids, numbers and reasons; nothing personal is ever passed. What libraries log goes the same way, limited in rate: in an
outage aiokafka alone writes 200 lines a second.
"""

import logging
import sys
import time
from collections.abc import Callable

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from streams.telemetry.discretion import Discreet

_CHATTY = ("aiokafka", "faust", "mode", "kafka", "asyncio", "aiohttp", "concurrent")
_PER_MINUTE = 20


def configure(*, human: bool | None = None, level: int = logging.INFO) -> None:
    """Route all logging of this process. human: readable lines instead of JSON (None: when standard error is a terminal)."""
    readable = sys.stderr.isatty() if human is None else human
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=False),
    ]
    renderer: Processor = structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    _route_libraries([*shared, structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer])


def _route_libraries(processors: list[Processor]) -> None:
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[_add_logger, *processors]))
    out.addFilter(RateLimit())
    out.addFilter(Discreet())
    root = logging.getLogger()
    root.handlers[:] = [out]
    root.setLevel(logging.WARNING)
    for name in _CHATTY:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)


def _add_logger(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["library"] = record.name
    return event


class RateLimit(logging.Filter):
    """Lets a few lines per minute and logger through, and says how many it kept back."""

    def __init__(self, *, per_minute: int = _PER_MINUTE, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._per_minute = per_minute
        self._clock = clock
        self._windows: dict[str, list[float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line goes out."""
        now = self._clock()
        window = self._windows.setdefault(record.name, [now, 0.0, 0.0])
        if now - window[0] >= 60.0:
            if window[2]:
                record.msg = f"{record.getMessage()} (kept back before: {int(window[2])} lines)"
                record.args = ()
            window[:] = [now, 0.0, 0.0]
        window[1] += 1
        if window[1] > self._per_minute:
            window[2] += 1
            return False
        return True
