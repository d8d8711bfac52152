"""The part of `site.yaml` that says what `yibao doctor` holds a site against."""

from typing import Annotated, Literal

from pydantic import Field

from streams.mapping.strict import Strict


class DoctorSettings(Strict):
    """What `yibao doctor` holds a site against."""

    outage_h: Annotated[float, Field(gt=0)] = 72.0
    """The longest outage, in hours, of platform, workers or network that the site promises to outlast: topics keep records, and
    brokers the offsets of a stopped stage, for longer."""
    platform_probe: Literal["off", "options", "head", "get"] = "off"
    """The request that it may send to `platform.url`, without a body and without `platform.headers`. The interface has no query, so
    none is sent unless a site allows it; without one nothing beyond the TLS handshake is known, and the platform's clock is not."""
    certificate_days: Annotated[int, Field(ge=0)] = 30
    """It warns while a certificate of platform, brokers or Connect is valid for no longer than so many days."""
    key_days: Annotated[int, Field(ge=0)] = 1095
    """It warns of an institution's public key whose file is older than so many days. `0`: never."""
