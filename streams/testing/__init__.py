"""Fakes for whoever tests a stage: they do what the things they stand for do, and remember what was asked of them.

FakeLog         brokers: topics, transactions, fences and committed offsets in memory
FakePlatform    the platform: takes each msgid once, keeps what it accepted, refuses, is away or loses answers as it is told
RecordingFlow, Deaths, wait_for, numbers    what else a lane needs around it
"""

from streams.testing.fake_log import Crash, FakeLog, FakeProducer, Fenced
from streams.testing.fake_platform import FakePlatform, Posted, Taken
from streams.testing.surroundings import Deaths, RecordingFlow, numbers, wait_for

__all__ = [
    "Crash",
    "Deaths",
    "FakeLog",
    "FakePlatform",
    "FakeProducer",
    "Fenced",
    "Posted",
    "RecordingFlow",
    "Taken",
    "numbers",
    "wait_for",
]
