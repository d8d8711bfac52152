"""The pages under `/_sim`, for tests and operators on the same machine: statistics, journal, faults."""

import ipaddress
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from sandbox.platform.faults import FAULTS, Fault, read_faults
from sandbox.platform.journal import Journal
from sandbox.platform.settings import fault_profile
from streams.errors import Misconfigured

_CHUNK_ENTRIES = 500


class Control:
    """Serves what the simulator knows. `stats`, `current`, `put` and `clear` come from it."""

    def __init__(
        self,
        journal: Journal,
        *,
        stats: Callable[[], dict[str, object]],
        current: Callable[[], tuple[Fault, ...]],
        put: Callable[[tuple[Fault, ...]], None],
        clear: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._stats = stats
        self._current = current
        self._put = put
        self._clear = clear

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Open the pages."""
        router.add_get("/_sim/stats", self._get_stats)
        router.add_get("/_sim/journal", self._get_journal)
        router.add_get("/_sim/faults", self._get_faults)
        router.add_post("/_sim/faults", self._post_faults)
        router.add_delete("/_sim/faults", self._delete_faults)

    async def _get_stats(self, _request: web.Request) -> web.Response:
        return _json(self._stats())

    async def _get_journal(self, request: web.Request) -> web.StreamResponse:
        """JSON lines of the entries above `since`; records themselves only with `values=1`."""
        since = request.query.get("since", "0")
        if not since.isdecimal():
            return _json({"error": "since: write the number `n` of the last entry you have, 0 for all"}, status=400)
        with_value = request.query.get("values") == "1"
        entries = list(self._journal.since(int(since)))
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson; charset=utf-8"})
        await response.prepare(request)
        for start in range(0, len(entries), _CHUNK_ENTRIES):
            chunk = entries[start : start + _CHUNK_ENTRIES]
            await response.write(b"".join(entry.line(with_value=with_value) for entry in chunk))
        return response

    async def _get_faults(self, _request: web.Request) -> web.Response:
        return self._faults()

    async def _post_faults(self, request: web.Request) -> web.Response:
        """`{"profile": NAME}` or `{"faults": [FAULT, …]}`, with `"replace": true` instead of what is set; or one FAULT."""
        try:
            faults, replace = read_order(await request.read())
        except (Misconfigured, ValueError) as error:
            return _json({"error": str(error)}, status=400)
        if replace:
            self._clear()
        self._put(faults)
        return self._faults()

    async def _delete_faults(self, _request: web.Request) -> web.Response:
        self._clear()
        return self._faults()

    def _faults(self) -> web.Response:
        faults = FAULTS.dump_python(self._current(), mode="json", exclude_defaults=True)
        return _json({"faults": faults})


def read_order(body: bytes) -> tuple[tuple[Fault, ...], bool]:
    """The faults of an order and whether they replace the present ones. Raises ValueError or Misconfigured with what is wrong."""
    order = orjson.loads(body)
    if isinstance(order, dict) and "kind" in order:
        order = {"faults": [order]}
    if not isinstance(order, dict) or not order.keys() <= {"profile", "faults", "replace"}:
        raise ValueError("write an object with `faults` or `profile`, and `replace` if need be; or one fault with its `kind`")
    faults = read_faults(orjson.dumps(order.get("faults", [])))
    if "profile" in order:
        faults += fault_profile(str(order["profile"]))
    return faults, order.get("replace") is True


@web.middleware
async def loopback_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse the pages under `/_sim` to other machines: they show records and switch the platform off."""
    if request.path.startswith("/_sim/") and not is_loopback(request.remote):
        raise web.HTTPForbidden(text="this page is open to the simulator's own machine only")
    return await handler(request)


def is_loopback(remote: str | None) -> bool:
    """Whether a peer is this machine itself."""
    return remote is not None and ipaddress.ip_address(remote).is_loopback


def _json(value: object, *, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value, option=orjson.OPT_INDENT_2), content_type="application/json", status=status)
