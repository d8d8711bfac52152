"""A group looks as if it had no offsets to whoever asks the wrong broker; a lane must not believe it."""
# ruff: noqa: ARG002 - toys have the signatures of what they stand for

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import GroupAuthorizationFailedError
from aiokafka.protocol.commit import OffsetFetchResponse_v1, OffsetFetchResponse_v3
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.lanes import offset_answers

AT = TopicPartition("visit.changes", 0)
THERE = [("visit.changes", [(0, 7, '{"seq":3}', 0)])]
NOTHING = [("visit.changes", [(0, -1, "", 0)])]
LOADING, ELSEWHERE, NOT_YET, FORBIDDEN = 14, 16, 15, 30


class Brokers:
    """Answers in their order; what was asked of which broker."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def send(self, node, request, *, group):
        self.asked.append(node)
        return self.answers.pop(0)


def coordinator(brokers):
    """As a reader that is no member has it. The coordinator is found anew whenever it is not known: broker 1, then 2, and so on."""
    offset_answers.install()
    found = object.__new__(GroupCoordinator)
    found.group_id, found._client, found._retry_backoff_ms, found.coordinator_id = "yibao-join", brokers, 1, None
    found.looked = 0

    async def known():
        if found.coordinator_id is None:
            found.looked += 1
            found.coordinator_id = found.looked

    def dead():
        found.coordinator_id = None

    found.ensure_coordinator_known, found.coordinator_dead = known, dead
    return found


@pytest.mark.parametrize(("code", "asked"), [(ELSEWHERE, [1, 2]), (NOT_YET, [1, 2]), (LOADING, [1, 1])])
async def test_an_answer_with_an_error_is_no_answer(code, asked):
    """Taken for "no offset", it ended workers with 74, and the way back from that reports records twice."""
    brokers = Brokers(OffsetFetchResponse_v3(0, [], code), OffsetFetchResponse_v3(0, THERE, 0))
    assert {AT: OffsetAndMetadata(7, '{"seq":3}')} == await coordinator(brokers).fetch_committed_offsets([AT])
    assert asked == brokers.asked


async def test_an_answer_without_an_error_may_say_that_there_is_none():
    """A new site has none."""
    assert {} == await coordinator(Brokers(OffsetFetchResponse_v3(0, NOTHING, 0))).fetch_committed_offsets([AT])


async def test_an_answer_of_a_form_without_that_error_is_read_as_before():
    """Old brokers put it beside each partition."""
    brokers = Brokers(OffsetFetchResponse_v1(THERE))
    assert {AT: OffsetAndMetadata(7, '{"seq":3}')} == await coordinator(brokers).fetch_committed_offsets([AT])


async def test_what_asking_again_does_not_mend_is_raised():
    """A worker without the right to read its group's offsets would ask for ever."""
    with pytest.raises(GroupAuthorizationFailedError):
        await coordinator(Brokers(OffsetFetchResponse_v3(0, [], FORBIDDEN))).fetch_committed_offsets([AT])
