"""A strict simulator of the supervision platform: real HTTP, real decryption, every answer of the interface, faults on demand.

Decided here, since the interface is silent:

- a refused msgid is not used up: the same msgid is judged again (`remember_refused` answers 40005 instead);
- an accepted msgid answers 40005 for ever (`forget_accepted_after_s` ends that);
- text that is not in the agreed encoding (alphabet, length, leading 04) is 40001; text that is, but that the institution's key does
  not open (another key, altered, truncated by whole bytes), is 40006; what opens and is not a JSON array of objects is 40001;
- envelope faults are 40003; an institution that is not registered, or under another name, is 40002;
- one bad record refuses its whole batch; formats (40003) are said before business (40000);
- lengths count characters (code points), limits themselves are allowed.
"""

from sandbox.platform.faults import Fault, Kind
from sandbox.platform.journal import Entry
from sandbox.platform.settings import PlatformSettings, read_institutions
from sandbox.platform.simulator import Simulator

__all__ = ["Entry", "Fault", "Kind", "PlatformSettings", "Simulator", "read_institutions"]
