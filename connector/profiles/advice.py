"""What is said to a person about a source, in the words and with the statements of its kind of database."""

from dataclasses import dataclass
from typing import Final

TRUST_STORE: Final = (
    "a Java trust store with the authority's certificates (keytool -importcert -noprompt -alias database -file ca.pem"
    " -keystore ca.jks -storetype JKS -storepass changeit)"
)
"""What drivers in Java read that are given no password for it: a JKS; of a PKCS#12 they see no certificate then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Of one source."""

    place: str
    """What capture reads the log by, and must not share with another capture."""
    another: str
    """How it is given another one; continues a sentence."""
    shared: str
    """What comes of sharing it."""
    tells_reader: str
    """Where the database says who reads with it; `""` where it does not say that to capture."""
    kept: str
    """What keeps the log that capture has not read; continues "nothing yet: "."""
    drop: str
    """The statement that has it kept no longer; `""` where nothing is kept for a capture."""
    senders: str
    """The setting that bounds the connections by which a log can be read."""
    more_senders: str
    """The statement that allows more; `{more}` stands for how many."""
    zone: str
    """The setting of the zone in which the server shows times."""
    zone_mend: str
    """What gives the hospital's own programs the site's zone; `{zone}` stands for that."""
