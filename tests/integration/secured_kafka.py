"""A broker that lets in only who comes by TLS and shows a certificate and a password: as strict as any, on this machine."""

import secrets
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from sandbox.java import find_java
from sandbox.stack.jvm import java_command
from sandbox.stack.ports import LOOPBACK, PortBook, Ports
from sandbox.stack.service import Home, distribution
from streams.private_files import write_private
from tests.bench.bench_site import write_site
from tests.patience import PATIENCE_S

USER, MECHANISM = "yibao", "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """How it is reached. other_ca_file: of an authority that it is not from. key_file: encrypted; key_password_file opens it."""

    servers: str
    ca_file: Path
    other_ca_file: Path
    password_file: Path
    certificate_file: Path
    key_file: Path
    key_password_file: Path

    @property
    def password(self) -> str:
        return self.password_file.read_text("ascii").strip()

    def clients(self) -> dict[str, object]:
        """What aiokafka's clients take."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.load_cert_chain(self.certificate_file, self.key_file, self.key_password_file.read_text("ascii").strip())
        return {
            "security_protocol": "SASL_SSL",
            "ssl_context": context,
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": USER,
            "sasl_plain_password": self.password,
        }


def site_of(
    secured: Secured, folder: Path, *, prefix: str, url: str = "http://127.0.0.1:9", partitions: int = 4, **other: str
) -> Path:
    """The file of a site that reaches the broker as production sites do."""
    path = write_site(folder, prefix=prefix, bootstrap_servers=secured.servers, platform_url=url, partitions=partitions)
    site = yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)
    site["kafka"]["security"] = {
        "protocol": "SASL_SSL",
        "ssl_cafile": f"{secured.ca_file}",
        "ssl_certfile": f"{secured.certificate_file}",
        "ssl_keyfile": f"{secured.key_file}",
        "ssl_password_file": f"{secured.key_password_file}",
        "sasl_mechanism": MECHANISM,
        "sasl_username": USER,
        "sasl_password_file": f"{secured.password_file}",
    } | other
    path.write_text(yaml.safe_dump(site, allow_unicode=True), "utf-8")
    return path


@contextmanager
def secured_kafka(root: Path) -> Iterator[Secured]:
    """One node with nothing but a SASL_SSL listener for clients."""
    home = Home(root=root)
    home.lay_out()
    book = PortBook(root / "ports.json", Ports())
    servers = f"{LOOPBACK}:{book.port('kafka')}"
    secret = home.secrets / "kafka.password"
    secret.write_text(secrets.token_urlsafe(24) + "\n", "ascii")
    reached = Secured(
        servers=servers,
        ca_file=_certificate(home, "broker"),
        other_ca_file=_certificate(home, "stranger"),
        password_file=secret,
        **_client(home),
    )
    config = _configuration(home, book, reached.password)
    tool = java_command(distribution(), home, heap_mb=256, main="kafka.tools.StorageTool")
    user = f"{MECHANISM}=[name={USER},password={reached.password}]"
    cluster = "AAAAAAAAAAAAAAAAAAAAAA"
    subprocess.run([*tool, "format", "-t", cluster, "-c", config, "--add-scram", user], check=True, capture_output=True)
    with home.log("kafka").open("wb") as log:
        server = subprocess.Popen(
            [*java_command(distribution(), home, heap_mb=384, main="kafka.Kafka"), config], stdout=log, stderr=log
        )
    try:
        _wait_until(home.log("kafka"), server)
        yield reached
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(root / "data")


def _certificate(home: Home, name: str) -> Path:
    """A key and its self-signed certificate; the file of the certificate."""
    keytool = find_java().resolve().parent / "keytool"
    store = ["-keystore", f"{home.secrets / name}.p12", "-storetype", "PKCS12", "-storepass", "changeit", "-alias", name]
    names = ["-dname", f"CN={name}", "-ext", f"san=ip:{LOOPBACK}", "-ext", "bc=ca:true"]
    subprocess.run([keytool, "-genkeypair", *store, "-keyalg", "EC", "-validity", "2", *names], check=True, capture_output=True)
    found = subprocess.run([keytool, "-exportcert", "-rfc", *store], check=True, capture_output=True)
    file = home.root / f"{name}.pem"
    file.write_bytes(found.stdout)
    return file


def _client(home: Home) -> dict[str, Path]:
    """A client's certificate and its key, encrypted. The broker trusts it as it trusts itself."""
    files = {name: home.secrets / name for name in ("certificate_file", "key_file", "key_password_file")}
    files["key_password_file"].write_text(secrets.token_urlsafe(12) + "\n", "ascii")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-passout", f"file:{files['key_password_file']}")
    made = ("openssl", "req", "-x509", *curve, "-days", "2", "-subj", "/CN=client")
    subprocess.run([*made, "-keyout", files["key_file"], "-out", files["certificate_file"]], check=True, capture_output=True)
    assert "ENCRYPTED" in files["key_file"].read_text("ascii")
    trusted = (home.root / "broker.pem", files["certificate_file"])
    (home.root / "trusted.pem").write_bytes(b"".join(file.read_bytes() for file in trusted))
    return files


def _configuration(home: Home, book: PortBook, password: str) -> Path:
    """The broker's settings. It comes to itself, too, when it adds a partition to a transaction."""
    listener = f"{LOOPBACK}:{book.port('kafka')}"
    admission = f'org.apache.kafka.common.security.scram.ScramLoginModule required username="{USER}" password="{password}";'
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{LOOPBACK}:{book.port('controller')}",
        "listeners": f"SASL_SSL://{listener},CONTROLLER://{LOOPBACK}:{book.port('controller')}",
        "advertised.listeners": f"SASL_SSL://{listener}",
        "inter.broker.listener.name": "SASL_SSL",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": MECHANISM,
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        f"listener.name.sasl_ssl.{MECHANISM.lower()}.sasl.jaas.config": admission,
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": home.secrets / "broker.p12",
        "ssl.keystore.password": "changeit",
        "ssl.key.password": "changeit",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": home.root / "trusted.pem",
        "ssl.client.auth": "required",
        "log.dirs": home.root / "data",
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.num.partitions": 4,
        **dict.fromkeys(("offsets.topic.replication.factor", "transaction.state.log.replication.factor"), 1),
        **dict.fromkeys(("transaction.state.log.min.isr", "min.insync.replicas"), 1),
    }
    file = home.conf / "secured.properties"
    write_private(file, "".join(f"{name}={value}\n" for name, value in settings.items()))
    return file


def _wait_until(log: Path, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + PATIENCE_S
    while "Kafka Server started" not in log.read_text("utf-8"):
        assert server.poll() is None, log.read_text("utf-8")[-2000:]
        assert time.monotonic() < until, "the broker did not start"
        time.sleep(0.1)
