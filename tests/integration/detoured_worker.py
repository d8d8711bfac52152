"""`yibao worker` whose connections to a port of this machine go by another one. Takes the same arguments.

DETOUR: `<port>:<other port>`. All clients still believe to speak with the first, so that a test can cut one worker off from a
broker that others use.
"""

import os
import sys

from streams.agents import loop
from yibao.main import run


def main():
    port, other = map(int, os.environ["DETOUR"].split(":"))
    direct = loop._Loop.create_connection

    async def create_connection(self, factory, host=None, to=None, **options):
        return await direct(self, factory, host, other if to == port else to, **options)

    loop._Loop.create_connection = create_connection
    sys.argv = ["yibao", "worker", *sys.argv[1:]]
    run()


if __name__ == "__main__":
    main()
