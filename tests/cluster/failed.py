"""What the proof of the chart on a control plane raises."""


class Failed(Exception):
    """Something is not as the chart promises; the text says what."""


def demand(is_so: object, what: str) -> None:
    """Raises Failed with `what` where it is not so."""
    if not is_so:
        raise Failed(what)
