"""From a site's files to its platform: how it is reached, how batches are cut and sealed for it, how the deliver stage reacts."""

from pathlib import Path

from streams.bounded import KEY_BYTES, read_bounded
from streams.deliver.breaker import BreakerSettings
from streams.deliver.gateway import Gateway, GatewaySettings
from streams.deliver.limits import LimitSettings
from streams.deliver.replaced_key import ReplacedKey
from streams.deliver.request import Institution, Seal, Unsealed
from streams.deliver.verdict import Verdict
from streams.domain.batch.cut import CutLimits
from streams.errors import Misconfigured
from streams.lanes.settings import DeliverSettings, FloodGuard
from streams.mapping import Site
from streams.mapping.compiling import encoding_of
from streams.mapping.reporting import Institution as Reporting
from streams.mapping.secret_files import read_secret
from streams.seal import Sealer, key_text, parse_public_key, sealed_chars
from streams.telemetry.outcomes import Outcomes


def gateway_of(site: Site, outcomes: Outcomes) -> Gateway:
    """The platform of a site, not entered yet. Raises Misconfigured for a header's file that cannot be read, and where no
    institution has a key; one without is held alone.
    """
    seals = {one.code: _seal(site, one) for one in site.institutions}
    keys = [seal for seal in seals.values() if isinstance(seal, ReplacedKey)]
    faults = [(key, key.fault) for key in keys if key.fault is not None]
    if faults and len(faults) == len(keys):
        raise faults[0][1]
    for key, fault in faults:
        key.refused(fault)
    return Gateway(
        gateway_settings(site),
        {one.code: Institution(code=one.code, name=one.name, seal=seals[one.code]) for one in site.institutions},
        profile=site.platform.answers.profile(),
        on_answer=lambda verdict, seconds: _count_answer(outcomes, verdict, seconds),
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
        limits=LimitSettings(
            in_flight=platform.in_flight.total,
            in_flight_per_institution=platform.in_flight.per_institution,
            rate_per_s=platform.rate_per_s,
        ),
        breaker=BreakerSettings(failures=breaker.failures, first_wait_s=breaker.probe_s, longest_wait_s=breaker.longest_wait_s),
    )


def _header(file: Path, *, setting: str) -> str:
    value = read_secret(file, setting=setting)
    if not (value.isascii() and value.isprintable() and value):
        raise Misconfigured(f"{file} holds no value for a header: one line of ASCII is wanted; {setting} in site.yaml names it")
    return value


def _count_answer(outcomes: Outcomes, verdict: Verdict, seconds: float) -> None:
    outcomes.count("answered", label=type(verdict).__name__.lower())
    outcomes.count("answer_ms", round(seconds * 1000))


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
        msgid_chars=site.platform.msgid_chars,
        flood_guard=FloodGuard(
            min_refused=written.flood_guard.min_refused,
            ratio=written.flood_guard.ratio,
            in_a_row=written.flood_guard.in_a_row,
        ),
    )


def _seal(site: Site, institution: Reporting) -> Seal:
    file = institution.public_key_file
    if not site.platform.encrypt:
        return Unsealed()
    assert file is not None, "the model of site.yaml demands it"
    return ReplacedKey(file, lambda: _read_key(site, file), institution=institution.code)


def _read_key(site: Site, file: Path) -> tuple[Sealer, str]:
    """What seals with the key that stands in a file now, and the key's fingerprint."""
    try:
        key = parse_public_key(key_text(read_bounded(file, most=KEY_BYTES)))
    except OSError as exc:
        raise Misconfigured(f"{file} cannot be read ({exc.strerror}): institutions.public_key_file in {site.file}") from exc
    except Misconfigured as exc:
        raise Misconfigured(f"{file}: {exc}") from exc
    return Sealer(key, encoding_of(site.platform)), key.fingerprint
