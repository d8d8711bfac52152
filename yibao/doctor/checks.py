"""What `yibao doctor` looks for. The id of a check is stable: alerts and notes may name it. Pure."""

from dataclasses import dataclass
from typing import Final

from connector.findings import Finding, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A finding, and the check that made it."""

    check: str
    """Id of the check, one of `CHECKS`."""
    finding: Finding
    """What is wrong, where, and what mends it."""

    def __post_init__(self) -> None:
        """Raises KeyError for a check that is not in the table."""
        CHECKS[self.check]

    @property
    def document(self) -> dict[str, str]:
        """As `-o json` has it."""
        found = self.finding
        about = {"where": found.where, "what": found.what, "mend": found.mend}
        return {"check": self.check, "severity": found.severity.value, **about}

    @property
    def blocks(self) -> bool:
        """Whether it stands against operation."""
        return self.finding.severity is Severity.BLOCKS


def blocks(check: str, where: str, what: str, mend: str) -> Told:
    """What stands against operation: rows or records do not go on, or can be lost."""
    return Told(check=check, finding=Finding(where=where, what=what, mend=mend))


def warns(check: str, where: str, what: str, mend: str) -> Told:
    """What a person should know: it runs all the same."""
    return Told(check=check, finding=Finding(where=where, what=what, mend=mend, severity=Severity.WARNS))


CHECKS: Final = {
    "database.reach": "Database and login answer from this machine, with the password that the site's file names.",
    "database.capture": "Nothing in the database stands against capture: `wal_level`, version, encoding, a standby, rights, free "
    "slots, publication, replica identities, tables, columns, heartbeat; nor differs from what the capture was applied against.",
    "database.senders": "A connection is free for reading the log (`max_wal_senders`).",
    "database.log": "The log that the server keeps for the capture is far from where it is dropped, or fills the disk.",
    "database.zone": "The server shows times in the site's zone: what `now()` writes into a time without a zone is read in it.",
    "kafka.reach": "A broker answers and lets us in.",
    "kafka.brokers": "Each broker takes connections at the address that it tells its clients, and there are as many as copies.",
    "kafka.release": "No broker is of a release that can lose the marker of a transaction (KAFKA-20734).",
    "kafka.topics": "All topics are there in the right shape, and keep what is still needed.",
    "kafka.copies": "Every partition has a leader, and enough brokers have all of it.",
    "kafka.internal": "The brokers' and Connect's own topics have enough copies.",
    "kafka.retention": "Topics keep records for longer than the promised outage (`doctor.outage_h`).",
    "kafka.offsets": "Brokers keep the offsets of a stopped stage for longer than the promised outage.",
    "kafka.transactions": "Transactions may stay open for as long as the workers ask for.",
    "kafka.quotas": "No quota slows our clients down.",
    "connect.reach": "Kafka Connect answers and lets us in.",
    "connect.open": "Connect's REST interface lets nobody in from outside without a login.",
    "connect.brokers": "Connect works with the brokers that the site names.",
    "connect.plugin": "Debezium's plugin is there, in a version that loses nothing.",
    "connect.capture": "Each capture and its task run.",
    "connect.heartbeat": "Each capture gives a sign of life.",
    "platform.name": "The platform's name, or that of the proxy before it, is known.",
    "platform.reach": "It takes connections.",
    "platform.tls": "The TLS handshake succeeds, with the authority that the site names.",
    "platform.answer": "Where a probe is allowed: it answers a harmless request.",
    "keys.public": "Each institution's public key is there and readable.",
    "keys.shared": "No two institutions have one key.",
    "keys.pair": "A private key beside a public one is its other half.",
    "keys.modes": "Nobody else reads secrets (0600) or writes into the folders of keys.",
    "keys.age": "No public key is older than `doctor.key_days`.",
    "tls.certificate": "The certificates of platform, brokers and Connect are valid for longer than `doctor.certificate_days`.",
    "disk.room": "Where workers and the index of letters keep their files there is room.",
    "disk.access": "This account may write there.",
    "clock.machine": "This machine's clock is kept right by the network.",
    "clock.others": "The clocks of database, Connect and platform agree with this machine's.",
    "site.binding": "The topics are this site's.",
    "workers.present": "Each stage has a worker.",
    "workers.stuck": "No worker on this machine lives and does not answer, or says that its event loop stands still.",
    "workers.stand": "No lane is held, and no institution is set aside.",
    "doctor.looked": "All parts could be looked at.",
}
"""What is looked for, by the id of the check: what is true where nothing is told."""


def page_table() -> str:
    """The table of docs/doctor.md."""
    return "\n".join(
        ["| check | what is true where nothing is told |", "|---|---|", *(f"| `{id_}` | {CHECKS[id_]} |" for id_ in CHECKS)]
    )
