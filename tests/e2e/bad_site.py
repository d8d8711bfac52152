"""The site on which a hospital makes its mistakes: its files, its programs, and what came of it."""

import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import psycopg
import yaml
from kafka import KafkaProducer

from connector.contract import Topics
from sandbox.hospital import run
from streams.deadletter.reading import read_dead_letters
from tests import in_process
from tests.e2e.bad_rows import COUNTS, LINKED, Copies
from tests.patience import PATIENCE_S

SAMPLE = Path(__file__).parents[2] / "deploy" / "sites" / "sample"
NAME = "bad_input"
TOPICS = Topics(prefix="bad.")
WAIT_S = 8
PARTITIONS = 3


class Hospital:
    """The hospital, its database and what came of it."""

    def __init__(self, connection, site, platform_url, bootstrap):
        self.site = site
        self.copies = Copies()
        self.bootstrap = bootstrap
        self._connection = connection
        self._platform_url = platform_url
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")

    def commit(self, *transactions):
        run(self._connection, transactions)

    def execute(self, statement, *values):
        self._connection.execute(statement, values)

    def insert_again(self, table, column, key):
        """Save a row as many systems do: delete it and insert it, in one transaction."""
        with self._connection.transaction():
            self.execute(f"CREATE TEMP TABLE saved ON COMMIT DROP AS SELECT * FROM {table} WHERE {column} = %s", key)
            self.execute(f"DELETE FROM {table} WHERE {column} = %s", key)
            self.execute(f"INSERT INTO {table} SELECT * FROM saved")

    def exchange(self, table, column, one, other):
        """Let two rows exchange their keys in one statement."""
        swapped = f"UPDATE {table} SET {column} = CASE {column} WHEN %s THEN %s ELSE %s END WHERE {column} IN (%s, %s)"
        self.execute(swapped, one, other, one, one, other)

    def keys_of(self, table, column):
        return {str(key) for (key,) in self._connection.execute(f"SELECT {column} FROM {table}")}

    def publish(self, topic, value, *, key=b"stranger", headers=()):
        """A message that somebody else writes."""
        self._producer.send(topic, value=value, key=key, headers=list(headers), partition=0).get(timeout=PATIENCE_S)

    def strike(self, **fault):
        body = json.dumps(fault).encode()
        with urllib.request.urlopen(f"{self._platform_url}/_sim/faults", data=body) as answer:
            assert 200 == answer.status

    def journal(self):
        """Everything that the platform has."""
        with urllib.request.urlopen(f"{self._platform_url}/_sim/journal?values=1") as answer:
            return [json.loads(line) for line in answer]

    def sent(self, key):
        """The versions of a record that the platform has, in their order."""
        return [json.loads(entry["value"]) for entry in self.journal() if entry["key"] == str(key)]

    def stats(self):
        with urllib.request.urlopen(f"{self._platform_url}/_sim/stats") as answer:
            return json.load(answer)

    def letters(self):
        """The dead letters by stage, class and rule."""
        letters = read_dead_letters({"bootstrap_servers": self.bootstrap}, TOPICS.dead).told
        told = Counter((letter.stage, letter.dead_class, letter.rule) for letter in letters)
        return Counter({what: number for what, number in told.items() if what[2] != "TRUNCATE_COUNTED"})

    def counted(self):
        """How many records the letters about emptied tables count."""
        letters = read_dead_letters({"bootstrap_servers": self.bootstrap}, TOPICS.dead, values=True).letters
        return sum(json.loads(letter.value)["records"] for letter in letters if letter.rule == "TRUNCATE_COUNTED")

    def wait_until_dead(self, expected):
        until = time.monotonic() + PATIENCE_S
        while (found := self.letters()) != expected and time.monotonic() < until:
            time.sleep(0.5)
        assert expected == found

    def wait_until_accepted(self, *visits):
        keys, until = set().union(*(visit.keys for visit in visits)), time.monotonic() + PATIENCE_S
        while (missing := keys - {entry["key"] for entry in self.journal()}) and time.monotonic() < until:
            time.sleep(0.2)
        assert set() == missing

    def close(self):
        self._producer.close()


def wait_for(condition, *, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.2)


def yibao(*words):
    code, out, err = in_process.yibao(*words)
    assert 0 == code, err
    return out


@contextmanager
def running(*words, log):
    """A program of ours in the background."""
    with log.open("wb") as err:
        process = subprocess.Popen([sys.executable, "-m", "yibao", *map(str, words)], stdout=subprocess.PIPE, stderr=err)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def superuser(stack, database):
    return psycopg.connect(host=stack.postgres_host, port=stack.postgres_port, user="postgres", dbname=database, autocommit=True)


def write_site(folder, stack, *, platform_url, keys):
    """The sample site on the run's stack, with short waits and a small envelope."""
    mapping = (SAMPLE / "mapping.yaml").read_text(encoding="utf-8").replace("\ninstitution:\n", f"{LINKED}\ninstitution:\n", 1)
    lines = "  - table: his.sf_fymx # fee lines\n"
    mapping = mapping.replace(lines, f"{lines}    {COUNTS}\n", 1)
    mapping = mapping.replace("RX_DRORD_NO: cfh", "RX_DRORD_NO: {first_of: [cfh, {column: cfh, of: header}]}", 1)
    (folder / "mapping.yaml").write_text(mapping, encoding="utf-8")
    text = (SAMPLE / "site.yaml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    document["institutions"] = yaml.load(text, Loader=yaml.BaseLoader)["institutions"]
    for one in document["institutions"]:
        one["public_key_file"] = str(keys / f"{one['code']}.pub")
    document["kafka"] |= {"bootstrap_servers": stack.bootstrap_servers, "topic_prefix": TOPICS.prefix, "partitions": PARTITIONS}
    document["connect"] = {"url": stack.connect_url, "heartbeat_s": 1}
    document["sources"]["his"] |= {
        "port": stack.postgres_port,
        "database": NAME,
        "user": NAME,
        "password_file": str(stack.secrets / NAME),
        "slot": NAME,
    }
    document["platform"] = {"url": platform_url, "max_chars": 6000}
    document["join"] = {"wait_s": WAIT_S, "tick_s": 1, "withdrawal_grace_s": 1}
    document["workers"] = {"home": str(folder / "workers")}
    (folder / "site.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return folder / "site.yaml"
