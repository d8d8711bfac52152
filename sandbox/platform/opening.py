"""Opens what was sealed, away from the event loop, with an implementation that is not the sender's.

The curve arithmetic is plain Python: one opening costs some milliseconds of a CPU, whatever runs it. A thread lets the event
loop run in between and needs no second interpreter; processes are for load tests with CPUs to spare.
"""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from sandbox.platform.answers import Answer, Code
from sandbox.sm2_opener import CannotOpen, GmOpener, Unopened
from streams.seal import Encoding


@dataclass(slots=True)
class Spent:
    """What opening has cost so far, in seconds of a CPU."""

    openings: int = 0
    cpu_s: float = 0.0
    longest_s: float = 0.0

    def add(self, cpu_s: float) -> None:
        """Count one opening."""
        self.openings += 1
        self.cpu_s += cpu_s
        self.longest_s = max(self.longest_s, cpu_s)


class Opening:
    """Decrypts `data` with the key of its institution. processes 0: one thread of this process."""

    def __init__(self, keys: Mapping[str, str], encoding: Encoding, *, processes: int = 0) -> None:
        self._keys = keys
        self._encoding = encoding
        self.spent = Spent()
        self._pool: Executor = (
            ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
            if processes
            else ThreadPoolExecutor(1, thread_name_prefix="platform-opening")
        )

    async def open(self, institution: str, text: str) -> bytes | Answer:
        """The plain bytes; 40001 when the text is not in the agreed encoding, 40006 when this key does not open it."""
        loop = asyncio.get_running_loop()
        plain, code, cpu_s = await loop.run_in_executor(self._pool, _open, self._keys[institution], text, self._encoding)
        self.spent.add(cpu_s)
        return plain if code is None else Answer(code=code, detail=_DETAIL[code])

    def close(self) -> None:
        """Give up threads and processes."""
        self._pool.shutdown(wait=True, cancel_futures=True)


_DETAIL = {Code.UNREADABLE: "data加密不正确", Code.UNOPENED: "请检查公钥与加密方式"}
_NOT_OUR_FORM = frozenset({Unopened.BAD_TEXT, Unopened.BAD_LENGTH})


def _open(private_key: str, text: str, encoding: Encoding) -> tuple[bytes, Code | None, float]:
    """Plain bytes, refusing code, CPU seconds. Runs in the pool: arguments and result travel between processes."""
    started = time.thread_time()
    plain, code = b"", None
    try:
        plain = GmOpener(private_key).open(text, encoding)
    except CannotOpen as error:
        code = Code.UNREADABLE if error.kind in _NOT_OUR_FORM else Code.UNOPENED
    return plain, code, time.thread_time() - started
