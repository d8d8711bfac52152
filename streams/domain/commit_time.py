"""When the transaction of a captured row was committed, read without reading the row. Pure."""

import orjson


def commit_of(value: bytes | None) -> int | None:
    """Milliseconds since the epoch; None where the message is no row of a database."""
    try:
        envelope = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    source = envelope.get("source") if isinstance(envelope, dict) else None
    committed_at = source.get("ts_ms") if isinstance(source, dict) else None
    return committed_at if type(committed_at) is int and committed_at > 0 else None
