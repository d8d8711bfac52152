"""From a site's files to its platform: how it is reached, how batches are cut and sealed for it, how the deliver stage reacts."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from streams.bounded import KEY_BYTES, read_bounded
from streams.deliver.breaker import BreakerSettings
from streams.deliver.gateway import Gateway, GatewaySettings
from streams.deliver.limits import LimitSettings
from streams.deliver.replaced_key import ReplacedKey
from streams.deliver.request import Institution, Seal, Unsealed
from streams.deliver.verdict import Throttled, Verdict
from streams.domain.batch.cut import CutLimits
from streams.errors import Misconfigured
from streams.lanes.settings import DeliverSettings, FloodGuard
from streams.mapping import Site
from streams.mapping.compiling import encoding_of
from streams.mapping.reporting import Institution as Reporting
from streams.mapping.secret_files import read_secret
from streams.seal import PublicKey, Sealer, key_text, parse_public_key, sealed_chars
from streams.telemetry.outcomes import Outcomes

logger = structlog.get_logger(__name__)


def gateway_of(site: Site, outcomes: Outcomes) -> Gateway:
    """The platform of a site, not entered yet. Raises Misconfigured for a header's file that cannot be read, and where no
    institution has a key; one without is held alone.
    """
    for shared in shared_keys(site):
        logger.warning("key_shared", institutions=list(shared.institutions), fingerprint=shared.fingerprint, remedy=shared.remedy)
    seals = {one.code: _seal(site, one) for one in site.institutions}
    keys = [seal for seal in seals.values() if isinstance(seal, ReplacedKey)]
    faults = [(key, key.fault) for key in keys if key.fault is not None]
    if faults and len(faults) == len(keys):
        raise faults[0][1]
    for key, fault in faults:
        key.refused(fault)
    profile = site.platform.answers.profile()
    return Gateway(
        gateway_settings(site),
        {one.code: _institution(site, one, seals[one.code]) for one in site.institutions},
        profile=profile,
        on_answer=lambda verdict, seconds: count_answer(outcomes, verdict, seconds, known=profile.answers),
        on_sealed=lambda seconds: outcomes.observe("sealing_s", seconds),
    )


def gateway_settings(site: Site) -> GatewaySettings:
    """How the platform is reached. Raises Misconfigured for a header's file that cannot be read."""
    platform, breaker = site.platform, site.deliver.breaker
    return GatewaySettings(
        url=platform.url,
        timeout_s=platform.timeout_s,
        ca_file=platform.ca_file,
        proxy=platform.proxy,
        headers={name: _header(file, setting=f"platform.headers.{name}") for name, file in platform.headers.items()},
        limits=limit_settings(site),
        breaker=BreakerSettings(failures=breaker.failures, first_wait_s=breaker.probe_s, longest_wait_s=breaker.longest_wait_s),
    )


def limit_settings(site: Site) -> LimitSettings:
    """How much one worker may send, where nobody ordered another limit."""
    platform = site.platform
    return LimitSettings(
        in_flight=platform.in_flight.total,
        in_flight_per_institution=platform.in_flight.per_institution,
        rate_per_s=platform.rate_per_s,
    )


def _header(file: Path, *, setting: str) -> str:
    value = read_secret(file, setting=setting)
    if not (value.isascii() and value.isprintable() and value):
        raise Misconfigured(f"{file} holds no value for a header: one line of ASCII is wanted; {setting} in site.yaml names it")
    return value


def count_answer(outcomes: Outcomes, verdict: Verdict, seconds: float, *, known: Container[str]) -> None:
    """known: the codes that the interface and the site name. Any other is counted as one of them all: a platform that answers a new
    one each time must not make a metric of each.
    """
    said = "" if isinstance(verdict, Throttled) else verdict.code
    code = said if said in known else "other" if said else "none"
    outcomes.count("answered", label=type(verdict).__name__.lower(), detail=code)
    outcomes.count("answer_ms", round(seconds * 1000))
    outcomes.observe("request_s", seconds)


def cut_limits(site: Site) -> CutLimits:
    """What one envelope of this platform carries."""
    encoding = encoding_of(site.platform)
    return CutLimits(
        max_chars=site.platform.max_chars,
        max_rows=site.platform.max_rows,
        sealed_chars=(lambda plain: sealed_chars(plain, encoding)) if site.platform.encrypt else (lambda plain: plain),
    )


def deliver_settings(site: Site) -> DeliverSettings:
    """How the deliver stage reacts."""
    written = site.deliver
    return DeliverSettings(
        max_plan=site.batch.max_records,
        first_retry_s=written.retry.min_s,
        max_retry_s=written.retry.max_s,
        probe_s=min(5.0, written.held_probe_s),
        max_probe_s=written.held_probe_s,
        msgid_memory_s=site.platform.msgid_memory_s,
        repeats_refused=site.platform.repeats_refused,
        first_repeated=site.platform.first_repeated_accepted,
        msgid_chars=site.platform.msgid_chars,
        flood_guard=FloodGuard(
            min_refused=written.flood_guard.min_refused,
            ratio=written.flood_guard.ratio,
            in_a_row=written.flood_guard.in_a_row,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKey:
    """A public key that stands in the files of several institutions."""

    fingerprint: str
    """Of the key."""
    institutions: tuple[str, ...]
    """Whose files hold it, by FIXMEDINS_CODE."""

    @property
    def remedy(self) -> str:
        """What a person does about it."""
        return "the platform issues a key to each institution: compare with its people (`yibao keys show`), one was pasted twice"


def shared_keys(site: Site) -> Sequence[SharedKey]:
    """Keys that several institutions have, which is a slip as a rule: the platform answers 40006 to all but one of them."""
    found: dict[str, list[str]] = {}
    for one in site.institutions if site.platform.encrypt else ():
        if (fingerprint := fingerprint_of(site, one)) is not None:
            found.setdefault(fingerprint, []).append(one.code)
    return [SharedKey(fingerprint=key, institutions=tuple(codes)) for key, codes in found.items() if len(codes) > 1]


def fingerprint_of(site: Site, institution: Reporting) -> str | None:
    """Of the public key in an institution's file; None where it has none that can be read."""
    try:
        return None if institution.public_key_file is None else _public_key(site, institution.public_key_file).fingerprint
    except Misconfigured:
        return None


def _institution(site: Site, written: Reporting, seal: Seal) -> Institution:
    if not isinstance(seal, ReplacedKey):
        return Institution(code=written.code, name=written.name, seal=seal)
    following = _replaced(site, written, file) if (file := written.next_public_key_file) is not None else None
    keys = [one for one in (seal, following) if one is not None]
    return Institution(
        code=written.code, name=written.name, seal=seal, next_seal=following, key=lambda: "; ".join(one.told for one in keys)
    )


def _seal(site: Site, institution: Reporting) -> Seal:
    if not site.platform.encrypt:
        return Unsealed()
    assert institution.public_key_file is not None, "the model of site.yaml demands it"
    return _replaced(site, institution, institution.public_key_file)


def _replaced(site: Site, institution: Reporting, file: Path) -> ReplacedKey:
    return ReplacedKey(file, lambda: _read_key(site, file), institution=institution.code)


def _read_key(site: Site, file: Path) -> tuple[Sealer, str]:
    """What seals with the key that stands in a file now, and the key's fingerprint."""
    key = _public_key(site, file)
    return Sealer(key, encoding_of(site.platform)), key.fingerprint


def _public_key(site: Site, file: Path) -> PublicKey:
    try:
        return parse_public_key(key_text(read_bounded(file, most=KEY_BYTES)))
    except OSError as exc:
        raise Misconfigured(f"{file} cannot be read ({exc.strerror}): institutions.public_key_file in {site.file}") from exc
    except Misconfigured as exc:
        raise Misconfigured(f"{file}: {exc}") from exc
