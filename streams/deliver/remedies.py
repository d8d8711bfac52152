"""What a person does about a lane that is held, or a platform that does not answer. docs/operations.md says more."""

from collections.abc import Mapping
from typing import Final

from streams.deliver.causes import HoldCause, RetryCause

REBINDING: Final = "all workers stopped, and `yibao topics apply --rebind platform --why …` before they start again"
"""How platform.url is changed: a worker that finds it changed without that ends with 78."""

REMEDIES: Final[Mapping[HoldCause | RetryCause, str]] = {
    HoldCause.ANSWER_CODE: "compare key and registration with the platform's people: `yibao keys check`, `yibao keys sample`",
    HoldCause.AUTHORISATION: "check platform.headers, and ask the platform which addresses it lets in",
    HoldCause.ADDRESS: f"correct platform.proxy in site.yaml and restart the worker, or correct platform.url ({REBINDING})",
    HoldCause.PROXY_LIMIT: (
        "have the limit in front of the platform raised: what waits keeps its size. Leave platform.max_chars as it is until the "
        "lag is 0; only what is planned after that is cut smaller by it"
    ),
    HoldCause.CERTIFICATE: "correct platform.ca_file, or have the platform's certificate renewed",
    HoldCause.INSTITUTION: "put the institution back into site.yaml, and restart the worker",
    HoldCause.SEAL: "run `yibao keys check`, and put a key there that encrypts: it is taken with the next probe",
    HoldCause.REPEATED_AFTER_REFUSAL: "ask the platform whether it has the batch of this msgid: docs/doubles.md says how to go on",
    HoldCause.REPEATED_UNPOSTED: "ask the platform whose records it has under this msgid; docs/doubles.md says what ends it",
    HoldCause.UNANSWERED: "tell the platform's people that nothing of this institution is answered, while others' is",
    HoldCause.THROTTLED: (
        "it goes on by itself; if it stays: ask the platform's people for this institution's limit, or send less of it "
        "(`yibao limits set`)"
    ),
    HoldCause.UNKNOWN_CODE: "ask the platform what this code means, and write it into platform.answers in site.yaml",
    HoldCause.TWO_CODES: (
        "ask the platform which one counts, and name its place in platform.answers.code; a member that is no code: "
        "platform.answers.harmless_members"
    ),
    HoldCause.DOUBLED_MEMBER: (
        "have the platform, or the gateway in front of it, mend its answer; a member that says nothing of the outcome: "
        "platform.answers.harmless_members"
    ),
    HoldCause.CODE_INSIDE: (
        "ask the platform which code counts, and name its place in platform.answers.code (`data.code`); a member that is no code: "
        "platform.answers.harmless_members"
    ),
    HoldCause.MIXED_ANSWER: (
        "ask the platform whether it has this msgid; what is no complaint: platform.answers.harmless (words), .harmless_members, "
        ".harmless_statuses (HTTP)"
    ),
    HoldCause.REDIRECT_ANSWERED: f"find out who answers there, and correct platform.url ({REBINDING}); no redirect is followed",
    HoldCause.JSON_IN_STRING: "where the platform always answers so, set platform.answers.in_string: true",
    HoldCause.UNREAD_ANSWER: "ask the platform whether it has this msgid, and to answer plainly; tell the maintainers its answer",
    HoldCause.TLS_NOT_SPOKEN: f"write http:// in platform.url, or the port with TLS ({REBINDING})",
    HoldCause.TLS_WANTED: f"write https:// in platform.url, or the port without TLS ({REBINDING})",
    HoldCause.TLS_TOO_OLD: "have TLS 1.2 or newer switched on at the platform or its proxy; older ones are not spoken here",
    HoldCause.TLS_FAILED: "compare versions, ciphers and client certificates with the platform's people; see OpenSSL's reason",
    RetryCause.TIMEOUT: "ask the platform's people what makes it slow; platform.timeout_s is the wait",
    RetryCause.UNREACHABLE: "check platform.url and platform.proxy, that the platform runs, and the firewalls between",
    RetryCause.UNKNOWN_HOST: f"mend this machine's name service, or correct platform.proxy or platform.url ({REBINDING})",
    RetryCause.HANDSHAKE: "the connection is closed while TLS begins: ask what the platform's firewall or TLS expects",
    RetryCause.CONNECTION: "look at what lies between here and the platform: no whole answer comes; see platform_says",
    RetryCause.SERVER_ERROR: "tell the platform's people: their server, or a gateway before it, fails",
    RetryCause.SYSTEM_ERROR: "tell the platform's people: it answers with an error of its own system",
    RetryCause.NO_CODE: "find out who answers there; where it is the platform, name the code's place in platform.answers.code",
    RetryCause.LOGIN_PAGE: "a login page answers in the platform's place: renew the network's or the gateway's login",
    RetryCause.PAGE: "a page for people answers in the platform's place: check platform.url, and ask for maintenance",
    RetryCause.GATEWAY: "tell the platform's people: a gateway answers in its place",
    RetryCause.BREAKER_OPEN: "see breaker_opened: it names what is wrong",
}
