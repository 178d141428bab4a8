"""Real Kafka brokers on loopback (KRaft, each broker and controller at once), to be killed and started again.

    brokers.py --libraries JARS --folder DATA start N    starts N brokers anew, says their addresses once they serve;
                                                         with --secured they listen for TLS and logins, too
    brokers.py --libraries JARS --folder DATA kill I     kill -9 of broker I
    brokers.py --libraries JARS --folder DATA up I       starts broker I again on its old data
    brokers.py --libraries JARS --folder DATA settle     waits until every partition has all its replicas in step
    brokers.py --libraries JARS --folder DATA stop       ends all of them; the data and the logs stay

Ports are free ones, so that clusters in folders of their own do not meet.
"""
import argparse
import itertools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

# Any 16 bytes, base64url.
CLUSTER = "aGVhZHdhdGVyLWxvY2FsMQ"
START_SECONDS = 90
HEAP = "-Xmx256m"
# A broker that is gone is noticed within three seconds, not nine: what the documents tell operators to set.
SOON_NOTICED = """\
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controller.quorum.fetch.timeout.ms=1000
controller.quorum.election.timeout.ms=500
"""
# Listeners beside the plain one: TLS, TLS for whoever shows a certificate, a login over TLS, and TLS that leads on to a name
# that is in no certificate.
SECURED = {"TLS": "SSL", "MUTUAL": "SSL", "LOGIN": "SASL_SSL", "ASTRAY": "SSL"}
# What the brokers' certificates name, and nothing else.
NAME = "localhost"
TOPIC_RIGHTS = ["Create", "Delete", "Alter", "Describe", "DescribeConfigs", "Read", "Write"]
CLUSTER_RIGHTS = ["DescribeConfigs"]
USER, PASSWORD = "headwater", "correct horse/battery"
# One who logs in and has no rights at all.
IDLER = "idler"
# A login lasts two seconds, so that it is done anew while a program looks on. Who logs in may do what the documents tell
# operators to allow; all others, anything.
SECURITY = """\
connections.max.reauth.ms=2000
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:CN=client
listener.name.mutual.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={tls}/store.pem
ssl.truststore.type=PEM
ssl.truststore.location={tls}/ca.pem
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}" user_{idler}="{password}";
listener.name.login.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.login.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
LOGGING = """\
appender.f.type=File
appender.f.name=F
appender.f.fileName={folder}/server.log
appender.f.layout.type=PatternLayout
appender.f.layout.pattern=%d %p %c{{1}} %m%n
rootLogger.level=INFO
rootLogger.appenderRef.f.ref=F
"""


def free_ports(count):
    """Ports nobody listens on, all different."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def certificates(folder):
    """An authority, a certificate for the brokers and one for a client; and a second authority, which signed neither."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    for name in ("ca", "stranger"):
        openssl("req", "-x509", *curve, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    for name in ("broker", "client"):
        openssl("req", *curve, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{NAME}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
                "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    # Kafka wants the key before its certificate, in one file.
    (folder / "store.pem").write_text((folder / "broker.key").read_text() + (folder / "broker.pem").read_text())


def properties(folder, number, addresses, controllers, secured):
    others = {name: ports[number - 1] for name, ports in secured.items()}
    listeners = "".join(f",{name}://127.0.0.1:{port}" for name, port in others.items())
    hosts = {"ASTRAY": "127.0.0.1"}
    advertised = "".join(f",{name}://{hosts.get(name, NAME)}:{port}" for name, port in others.items())
    protocols = "".join(f",{name}:{SECURED[name]}" for name in others)
    security = SECURITY.format(tls=folder.parent, user=USER, idler=IDLER, password=PASSWORD) if secured else ""
    replicas = min(3, len(addresses))
    in_sync = 2 if replicas > 2 else 1
    voters = ",".join(f"{voter}@{address}" for voter, address in enumerate(controllers, 1))
    return f"""\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{addresses[number - 1]},CONTROLLER://{controllers[number - 1]}{listeners}
advertised.listeners=PLAINTEXT://{addresses[number - 1]}{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
default.replication.factor={replicas}
min.insync.replicas={in_sync}
unclean.leader.election.enable=false
auto.create.topics.enable=false
offsets.topic.replication.factor={replicas}
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
log.index.size.max.bytes=1048576
{SOON_NOTICED}{security}"""


class Cluster:
    def __init__(self, libraries, folder):
        self.java = ["java", "-cp", f"{libraries}/*"]
        self.folder = pathlib.Path(folder).resolve()

    def home(self, number):
        return self.folder / str(number)

    def brokers(self):
        return sorted(int(home.name) for home in self.folder.glob("[0-9]*"))

    def start(self, count, names=()):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        ports = free_ports((2 + len(names)) * count)
        plain, controllers, *others = [ports[at:at + count] for at in range(0, len(ports), count)]
        addresses, controllers = [[f"127.0.0.1:{port}" for port in each] for each in (plain, controllers)]
        secured = dict(zip(names, others))
        if secured:
            certificates(self.folder)
        for number in range(1, count + 1):
            home = self.home(number)
            home.mkdir(parents=True)
            (home / "server.properties").write_text(properties(home, number, addresses, controllers, secured))
            (home / "log4j2.properties").write_text(LOGGING.format(folder=home))
            self.format(home, secured)
        started = [(number, self.launch(number)) for number in self.brokers()]
        for number, broker in started:
            self.wait(number, broker)
        if secured:
            self.allow()

    def allow(self):
        """Gives who logs in the rights that the documents name."""
        rights = [(["--topic", "hw.", "--resource-pattern-type", "prefixed"], TOPIC_RIGHTS), (["--cluster"], CLUSTER_RIGHTS)]
        for resource, operations in rights:
            words = [word for operation in operations for word in ("--operation", operation)]
            subprocess.run([*self.java, "org.apache.kafka.tools.AclCommand", "--bootstrap-server", ",".join(self.addresses()),
                            "--add", "--allow-principal", f"User:{USER}", *resource, *words], check=True,
                           stdout=subprocess.DEVNULL)

    def format(self, home, secured):
        arguments = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(home / "server.properties")]
        if secured:
            for mechanism, user in itertools.product(("SCRAM-SHA-256", "SCRAM-SHA-512"), (USER, IDLER)):
                arguments += ["--add-scram", f'{mechanism}=[name={user},password="{PASSWORD}"]']
        logging = f"-Dlog4j2.configurationFile={home}/log4j2.properties"
        subprocess.run([self.java[0], "-Xmx64m", logging, *self.java[1:], *arguments], check=True,
                       stdout=subprocess.DEVNULL)

    def launch(self, number):
        home = self.home(number)
        (home / "server.log").write_text("")
        logging = f"-Dlog4j2.configurationFile={home}/log4j2.properties"
        options = [HEAP, "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", logging]
        with open(home / "stdout.log", "wb") as output:
            broker = subprocess.Popen([self.java[0], *options, *self.java[1:], "kafka.Kafka",
                                       str(home / "server.properties")], stdin=subprocess.DEVNULL, stdout=output,
                                      stderr=subprocess.STDOUT, start_new_session=True)
        (home / "pid").write_text(str(broker.pid))
        return broker

    def wait(self, number, broker):
        home, end = self.home(number), time.monotonic() + START_SECONDS
        while "Kafka Server started" not in (home / "server.log").read_text():
            if broker.poll() is not None or time.monotonic() > end:
                sys.exit(f"broker {number} does not serve; see {home}/server.log")
            time.sleep(0.1)

    def pid(self, number):
        """The process of a broker, if it runs and is ours."""
        try:
            pid = int((self.home(number) / "pid").read_text())
            ours = str(self.home(number) / "server.properties").encode()
            return pid if ours in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() else None
        except (OSError, ValueError):
            return None

    def kill(self, number):
        os.kill(self.pid(number), signal.SIGKILL)
        while self.pid(number) is not None:
            time.sleep(0.01)

    def settle(self):
        """With a replica that is not in step, the loss of one broker is the loss of two."""
        tool = [*self.java, "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", ",".join(self.addresses()),
                "--describe", "--under-replicated-partitions"]
        end = time.monotonic() + START_SECONDS
        while True:
            told = subprocess.run(tool, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            if told.returncode == 0 and not told.stdout.strip():
                return
            if time.monotonic() > end:
                sys.exit("partitions stay without all their replicas")

    def addresses(self, listener="PLAINTEXT"):
        for number in self.brokers():
            for line in (self.home(number) / "server.properties").read_text().splitlines():
                if line.startswith("advertised.listeners="):
                    yield line.partition(f"{listener}://")[2].partition(",")[0]

    def stop(self):
        for number in self.brokers():
            if self.pid(number) is not None:
                self.kill(number)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--libraries", required=True)
    arguments.add_argument("--folder", required=True)
    arguments.add_argument("verb", choices=["start", "kill", "up", "settle", "stop"])
    arguments.add_argument("number", nargs="?", type=int)
    arguments.add_argument("--secured", action="store_true")
    given = arguments.parse_args()
    cluster = Cluster(given.libraries, given.folder)
    if given.verb == "start":
        cluster.start(given.number, SECURED if given.secured else ())
        print(",".join(cluster.addresses()))
    elif given.verb == "kill":
        cluster.kill(given.number)
    elif given.verb == "up":
        cluster.wait(given.number, cluster.launch(given.number))
    elif given.verb == "settle":
        cluster.settle()
    else:
        cluster.stop()


if __name__ == "__main__":
    main()
