"""Capture of a MariaDB by TLS, through Kafka Connect: the server is believed where its certificate is of the authority that was
named, and no other one; the login demands TLS.
"""

import subprocess

import pytest
import yaml

from sandbox.java import find_java
from sandbox.stack.mariadb import TLS
from streams.mapping import load_site
from tests.bench.processes import worker
from tests.databases.binlog_site import database, execute, kind, reported, site, until, yibao
from tests.databases.test_tls import certificate
from tests.own_stack import own_stack

__all__ = ["database", "kind", "site", "yibao"]

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def own():
    """A server that speaks TLS, with a certificate for 127.0.0.1."""
    with own_stack("mariadb", "kafka", "connect") as stack:
        stack.up()
        (stack.home / TLS).mkdir(parents=True)
        for name in ("server", "other"):  # whoever reads the log asks for the name that the address has
            certificate(stack.home / TLS, name, host="127.0.0.1,DNS:localhost")
        stack.kill("mariadb")
        stack.start("mariadb")
        yield stack


def trust_store(folder, name):
    """What Java reads of a certificate."""
    store, keytool = folder / f"{name}.jks", find_java().resolve().parent / "keytool"
    words = (
        "-importcert",
        "-noprompt",
        "-alias",
        name,
        "-file",
        folder / f"{name}.pem",
        "-storetype",
        "JKS",
        "-storepass",
        "changeit",
    )
    subprocess.run([keytool, *words, "-keystore", store], check=True, capture_output=True)
    return store


def believing(site, folder, store):
    """The site, which reads by TLS itself, with this store for Connect."""
    document = yaml.safe_load(site.read_text(encoding="utf-8"))
    document["sources"]["his"] |= {"sslmode": "verify-full", "ca_file": f"{folder / 'server.pem'}", "connect_ca_file": f"{store}"}
    site.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")


def test_capture_reads_by_tls_from_the_server_that_was_named_and_from_no_other(own, site, database, yibao):
    """A file that Java cannot read, the certificate of somebody else, and the right one."""
    folder = own.home / TLS
    execute(database, "ALTER USER capture@'127.0.0.1' REQUIRE SSL")
    assert 0 == yibao("topics", "apply")[0]
    for store in (folder / "server.pem", trust_store(folder, "other")):
        believing(site, folder, store)
        code, out, _ = yibao("connector", "apply")
        assert (1, True, True) == (code, "does not get into database his" in out, "a Java trust store" in out)
    believing(site, folder, trust_store(folder, "server"))
    code, out, err = yibao("connector", "apply")
    assert (0, True) == (code, "asks the server's certificate for the name" in out), (out, err)
    loaded = load_site(site)
    with worker("place", site=site, home=site.parent) as place, worker("join", site=site, home=site.parent) as join:
        until(lambda: reported(loaded).keys(), {"S1", "1"}, place, join)
        execute(database, "INSERT INTO his.charge VALUES (2, 'V1', '2026-03-01 07:34:00', 1.00, 'D1')")
        until(lambda: reported(loaded).keys(), {"2"}, place, join)
    encrypted = "SELECT count(*) FROM information_schema.processlist WHERE user = 'capture'"
    assert ((0,),) < execute(database, encrypted), "it reads still, by the login that demands TLS"
