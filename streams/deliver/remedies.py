"""What a person does about a lane that is held: one line per cause. docs/operations.md says more."""

from collections.abc import Mapping
from typing import Final

from streams.deliver.verdict import HoldCause

REMEDIES: Final[Mapping[HoldCause, str]] = {
    HoldCause.ANSWER_CODE: "compare key and registration with the platform's people: `yibao keys check`, `yibao keys sample`",
    HoldCause.AUTHORISATION: "check platform.headers, and ask the platform which addresses it lets in",
    HoldCause.ADDRESS: "correct platform.url or platform.proxy in site.yaml, and restart the worker",
    HoldCause.PROXY_LIMIT: "have the limit in front of the platform raised, or lower platform.max_chars with the lag at 0",
    HoldCause.CERTIFICATE: "correct platform.ca_file, or have the platform's certificate renewed",
    HoldCause.INSTITUTION: "put the institution back into site.yaml, and restart the worker",
    HoldCause.SEAL: "run `yibao keys check`, put a key there that encrypts, and restart the worker",
    HoldCause.REPEATED_AFTER_REFUSAL: "ask the platform whether it has the batch of this msgid: docs/doubles.md says how to go on",
}
