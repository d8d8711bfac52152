"""Which partition a visit has, in every topic that is partitioned by visit."""


def partition_of(visit_key: str, partitions: int) -> int:
    """The partition of a visit key. It never changes: what stands in the topics and in the join's state was placed by it."""
    value = java_hash(visit_key) & 0x7FFFFFFF
    return 0 if value == 0x7FFFFFFF else value % partitions


def java_hash(text: str) -> int:
    """`String.hashCode` of Java, unsigned 32 bit. Capture itself once chose the partition by it (Debezium's PartitionRouting)."""
    value = 0
    for unit in memoryview(text.encode("utf-16-le")).cast("H"):
        value = (31 * value + unit) & 0xFFFFFFFF
    return value
