"""The body of an answer, as far as it is looked at."""

import aiohttp

from streams.deliver.shapes import MAX_BODY_BYTES


async def body_of(content: aiohttp.StreamReader) -> bytes:
    """The body up to one byte more than `MAX_BODY_BYTES`; what is longer is cut, and then says nothing."""
    parts: list[bytes] = []
    left = MAX_BODY_BYTES + 1
    while left > 0 and (part := await content.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
