"""Whether clocks agree, and whether this machine's is kept right. Pure but for one question to the kernel."""

import ctypes
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from yibao.doctor.checks import Told, blocks, warns

_APART_S: Final = 5.0
_FAR_S: Final = 300.0
"""From here on certificates, msgids and logins go wrong."""
_UNSYNCHRONISED: Final = 0x40
_SIZE_OF_TIMEX: Final = 256
_STATUS_AT: Final = 40
"""Where `struct timex` has `status` on 64-bit Linux: after `modes` (padded), `offset`, `freq`, `maxerror` and `esterror`."""


def of_clock(whose: str, there: datetime, *, here: datetime) -> Iterator[Told]:
    """there: what another clock says at the moment `here`."""
    apart = (there - here).total_seconds()
    if abs(apart) < _APART_S:
        return
    way = "ahead of" if apart > 0 else "behind"
    what = f"is {abs(apart):.0f} s {way} this machine's clock: times of arrival and delays are wrong by that"
    tell = blocks if abs(apart) >= _FAR_S else warns
    yield tell(
        "clock.others", f"clock of the {whose}", what, "chronyc tracking  # on both; let the one that is wrong follow a time server"
    )


def of_machine(*, synchronised: bool | None) -> Iterator[Told]:
    """synchronised: as the kernel says; None where it does not tell."""
    if synchronised is False:
        yield warns(
            "clock.machine",
            "this machine's clock",
            "is not kept right by a time server, as far as its kernel knows",
            "systemctl enable --now chronyd  # or another client of NTP; in a container: on its host",
        )


def kernel_synchronised() -> bool | None:
    """Whether somebody keeps the kernel's clock right; None where that cannot be known."""
    if ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    timex = ctypes.create_string_buffer(_SIZE_OF_TIMEX)  # `modes` 0: only asks
    try:
        if ctypes.CDLL(None).adjtimex(timex) < 0:
            return None
    except (AttributeError, OSError):
        return None
    status = int.from_bytes(timex.raw[_STATUS_AT : _STATUS_AT + 4], "little")
    return not status & _UNSYNCHRONISED
