"""A batch that was sealed ahead of its turn, and then lost a record."""

import asyncio
from dataclasses import replace

import orjson

from streams.deliver.gateway import Gateway
from streams.deliver.request import Institution
from streams.spec.profiles import REPORTING
from tests.patience import PATIENCE_S
from tests.settings import gateway_settings
from tests.unit.streams.ready_records import batch_of, ready_record

CODE = "H36110200001"
ANSWER = b'HTTP/1.1 200 x\r\nContent-Length: 26\r\nContent-Type: application/json\r\n\r\n{"code":200,"message":"0"}'


class InClear:
    """Seals nothing, so that the test can read what is posted."""

    fingerprint = ""

    def seal(self, plain):
        return plain.decode()


async def test_what_was_left_out_after_the_batch_was_prepared_is_not_posted():
    """It is sealed while the one before it is answered; when that is refused, a line of it may have to wait for its visit."""
    bodies = []

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length"))
        bodies.append(orjson.loads(await reader.readexactly(length)))
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    whole = batch_of(*(ready_record(number, value=b'{"SETL_ID":"S%d"}' % number) for number in (1, 2)))
    institutions = {CODE: Institution(code=CODE, name="第一人民医院", seal=InClear())}
    async with Gateway(gateway_settings(url=url, timeout_s=PATIENCE_S), institutions, profile=REPORTING) as gateway:
        gateway.prepare(whole, "m1")
        await gateway.post(replace(whole, records=whole.records[1:]), "m1")
    server.close()
    [body] = bodies
    assert [{"SETL_ID": "S2"}] == orjson.loads(body["data"])
