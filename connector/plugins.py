"""Which version of a database's connector Connect runs, and whether a source may be captured by it. Pure."""

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from connector.answers import Plugin
from connector.findings import Finding
from connector.profiles import DatabaseProfile

Release: TypeAlias = tuple[int, int, int, bool]
"""Three numbers, and whether it is finished: 3.7.0.CR1 comes before 3.7.0.Final."""

_VERSION: Final = re.compile(r"(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?(?:[.-](.+))?", re.ASCII)
_UNFINISHED: Final = re.compile(r"(alpha|beta|cr|rc|m)(?![a-z])|.*snapshot", re.ASCII | re.IGNORECASE)


def release_of(version: str | None) -> Release | None:
    """What a version says; None for one that cannot be compared, such as Connect's word `undefined`."""
    if version is None or not (match := _VERSION.fullmatch(version)):
        return None
    major, minor, patch, qualifier = match.groups()
    return int(major), int(minor), int(patch or 0), not _UNFINISHED.match(qualifier or "")


def plugin_finding(plugins: Sequence[Plugin], profile: DatabaseProfile) -> Finding | None:
    """What stands against the plugin that a source would run on; None where it is new enough, or is not there at all.

    Of several versions Connect takes the newest. One that cannot be read blocks as an old one does: Debezium always tells its own,
    and what an old one costs is rows that nobody misses.
    """
    versions = [plugin.version for plugin in plugins if plugin.class_name == profile.connector_class]
    oldest = (*profile.oldest_plugin, True)
    if not versions or any(release >= oldest for version in versions if (release := release_of(version))):
        return None
    told = ", ".join(sorted({version or "unknown" for version in versions}))
    needed = ".".join(map(str, profile.oldest_plugin))
    return Finding(
        where=f"Kafka Connect, plugin {profile.connector_class}",
        what=f"is of version {told}, and {needed} or newer is needed: an older one {profile.harm_of_older}",
        mend=(
            f"put Debezium {needed} or newer in its place under plugin.path of every Connect worker and restart them (the embedded "
            "stack: make setup, then yibao stack down and up); what was skipped before comes only by reading its tables again"
        ),
    )
