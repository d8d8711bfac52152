"""As much DER (X.690) as SM2 keys and ciphertexts need, read strictly: definite shortest lengths, nothing left over."""

from typing import Final

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OID: Final = 0x06
SEQUENCE: Final = 0x30


class NotDer(ValueError):
    """Bytes that are not the DER that was expected. The text never holds the bytes."""


class Reader:
    """Reads one element after the other of a byte string."""

    __slots__ = ("_at", "_bytes")

    def __init__(self, content: bytes) -> None:
        self._bytes = content
        self._at = 0

    @property
    def tag(self) -> int | None:
        """Tag of the next element; None at the end."""
        return self._bytes[self._at] if self._at < len(self._bytes) else None

    def take(self, tag: int) -> bytes:
        """Content of the next element, which must have `tag`."""
        if self.tag != tag:
            raise NotDer(f"expected an element {tag:#04x}, found {'the end' if self.tag is None else f'{self.tag:#04x}'}")
        size, start = self._length(self._at + 1)
        self._at = start + size
        if self._at > len(self._bytes):
            raise NotDer("cut off")
        return self._bytes[start : self._at]

    def enter(self, tag: int = SEQUENCE) -> "Reader":
        """A reader over the content of the next element."""
        return Reader(self.take(tag))

    def natural(self) -> int:
        """The next element as a non-negative INTEGER."""
        content = self.take(INTEGER)
        if not content or content[0] & 0x80 or (len(content) > 1 and content[0] == 0 and not content[1] & 0x80):
            raise NotDer("a number that is negative or not written in its shortest form")
        return int.from_bytes(content, "big")

    def end(self) -> None:
        """There must be nothing left."""
        if self._at != len(self._bytes):
            raise NotDer(f"{len(self._bytes) - self._at} bytes too many")

    def _length(self, at: int) -> tuple[int, int]:
        head = self._bytes[at : at + 1]
        if not head:
            raise NotDer("cut off")
        if head[0] < 0x80:
            return head[0], at + 1
        count = head[0] & 0x7F
        digits = self._bytes[at + 1 : at + 1 + count]
        size = int.from_bytes(digits, "big")
        if not 1 <= count <= 4 or len(digits) != count or digits[0] == 0 or size < 0x80:
            raise NotDer("a length that is not written in its shortest form")
        return size, at + 1 + count


def element(tag: int, *contents: bytes) -> bytes:
    """One element of these contents one after the other."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(digits))) + digits + content


def size(content_bytes: int) -> int:
    """Bytes of an element whose content has so many."""
    if content_bytes < 0x80:
        return 2 + content_bytes
    return 2 + (content_bytes.bit_length() + 7) // 8 + content_bytes


def natural(number: int) -> bytes:
    """A non-negative number as INTEGER."""
    return element(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))
