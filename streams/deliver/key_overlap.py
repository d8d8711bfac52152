"""While a platform changes an institution's key, two are live: what it does not open with one is sealed with the other.

40006 says that nothing was looked at, so the same batch goes again under the same msgid. The platform's answer decides which key is
used from then on, and not a time.
"""

import structlog

from streams.deliver.request import Institution, Seal

logger = structlog.get_logger(__name__)


class KeyOverlap:
    """Which of its keys each institution uses in this process."""

    def __init__(self) -> None:
        self._by_the_next: set[str] = set()

    def seal_of(self, institution: Institution) -> Seal:
        """What seals the next batch of it."""
        following = institution.next_seal
        return following if following is not None and institution.code in self._by_the_next else institution.seal

    def opened(self, institution: Institution, seal: Seal) -> None:
        """The platform opened what the other one did not seal: it is used from now on. Twelve lanes may find out at once."""
        if seal is self.seal_of(institution):
            return
        self._by_the_next ^= {institution.code}
        is_next = seal is institution.next_seal
        remedy = "make it public_key_file, and leave next_public_key_file out" if is_next else "is the change of the key put off?"
        logger.info("key_switched", institution=institution.code, fingerprint=seal.fingerprint, is_next=is_next, remedy=remedy)


def other_seal(institution: Institution, seal: Seal) -> Seal | None:
    """The other key of an institution; None where it has one."""
    return institution.seal if seal is institution.next_seal else institution.next_seal
