"""Events: one JSON object per line on standard error, or readable lines on a terminal.

Every line says when, with the offset of the site's zone, and who speaks: site, stage and index of the worker. Fields are ids,
numbers and reasons; nothing personal is ever passed. What libraries log goes the same way, limited in rate (`chatter`).
"""

import logging
import sys
from dataclasses import dataclass
from datetime import datetime, tzinfo

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from streams.telemetry.chatter import RateLimit
from streams.telemetry.discretion import Discreet

_CHATTY = ("aiokafka", "faust", "mode", "kafka", "asyncio", "aiohttp", "concurrent", "py.warnings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who speaks in the lines of this process."""

    site: str = ""
    """As `site.yaml` names it; `""` until that is read."""
    worker: str = ""
    """`join-0`, or `supervisor`."""
    stage: str = ""
    """Stage of a worker; `""` for others."""
    index: int | None = None
    """Tells workers of one stage on one machine apart; None for others."""
    zone: tzinfo | None = None
    """Time zone of the times in the lines; None: this machine's."""

    @property
    def fields(self) -> EventDict:
        """What every line carries."""
        said = {"site": self.site, "worker": self.worker, "stage": self.stage, "index": self.index}
        return {name: value for name, value in said.items() if value not in ("", None)}


def configure(speaker: Speaker | None = None, *, human: bool | None = None, level: int = logging.INFO) -> None:
    """Route all logging of this process. human: readable lines instead of JSON (None: when standard error is a terminal)."""
    readable = sys.stderr.isatty() if human is None else human
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _Signed(speaker or Speaker()),
    ]
    renderer: Processor = structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    _route_libraries([*shared, structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer])


class _Signed:
    """Adds the time and the speaker to an event, and writes other times among its fields in the same zone."""

    def __init__(self, speaker: Speaker) -> None:
        self._fields = speaker.fields
        self._zone = speaker.zone

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """The event with all of it. What it says of itself stands: the supervisor speaks of other workers."""
        for name, value in event.items():
            if isinstance(value, datetime):
                event[name] = self._written(value)
        for name, value in self._fields.items():
            event.setdefault(name, value)
        event["timestamp"] = self._written(datetime.now().astimezone())
        return event

    def _written(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).isoformat(timespec="milliseconds")


def _route_libraries(processors: list[Processor]) -> None:
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[_add_logger, *processors]))
    out.addFilter(RateLimit())
    out.addFilter(Discreet())
    root = logging.getLogger()
    root.handlers[:] = [out]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    for name in _CHATTY:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)


def _add_logger(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["library"] = record.name
        if kept_back := getattr(record, "kept_back", 0):
            event["kept_back"] = kept_back
    return event
