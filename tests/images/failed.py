"""What the proof of the images raises."""


class Failed(Exception):
    """Something is not as docs/images.md promises; the text says what."""
