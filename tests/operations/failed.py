"""How a part of the proof ends that does not hold."""


class Failed(Exception):
    """Something is not as the documentation promises."""
