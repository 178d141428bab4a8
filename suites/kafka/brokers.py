"""Real Kafka brokers on loopback (KRaft, each broker and controller at once), to be killed and started again.

    brokers.py --libraries JARS --folder DATA start N    starts N brokers anew, says their addresses once they serve
    brokers.py --libraries JARS --folder DATA kill I     kill -9 of broker I
    brokers.py --libraries JARS --folder DATA up I       starts broker I again on its old data
    brokers.py --libraries JARS --folder DATA settle     waits until every partition has all its replicas in step
    brokers.py --libraries JARS --folder DATA stop       ends all of them; the data and the logs stay
"""
import argparse
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


def properties(folder, number, addresses, controllers):
    replicas = min(3, len(addresses))
    in_sync = 2 if replicas > 2 else 1
    voters = ",".join(f"{voter}@{address}" for voter, address in enumerate(controllers, 1))
    return f"""\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{addresses[number - 1]},CONTROLLER://{controllers[number - 1]}
advertised.listeners=PLAINTEXT://{addresses[number - 1]}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
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
{SOON_NOTICED}"""


class Cluster:
    def __init__(self, libraries, folder):
        self.java = ["java", "-cp", f"{libraries}/*"]
        self.folder = pathlib.Path(folder).resolve()

    def home(self, number):
        return self.folder / str(number)

    def brokers(self):
        return sorted(int(home.name) for home in self.folder.glob("[0-9]*"))

    def start(self, count):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        ports = free_ports(2 * count)
        addresses = [f"127.0.0.1:{port}" for port in ports[:count]]
        controllers = [f"127.0.0.1:{port}" for port in ports[count:]]
        for number in range(1, count + 1):
            home = self.home(number)
            home.mkdir(parents=True)
            (home / "server.properties").write_text(properties(home, number, addresses, controllers))
            (home / "log4j2.properties").write_text(LOGGING.format(folder=home))
            self.format(home)
        started = [(number, self.launch(number)) for number in self.brokers()]
        for number, broker in started:
            self.wait(number, broker)
        return ",".join(addresses)

    def format(self, home):
        arguments = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(home / "server.properties")]
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

    def addresses(self):
        for number in self.brokers():
            for line in (self.home(number) / "server.properties").read_text().splitlines():
                if line.startswith("advertised.listeners="):
                    yield line.rpartition("/")[2]

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
    given = arguments.parse_args()
    cluster = Cluster(given.libraries, given.folder)
    if given.verb == "start":
        print(cluster.start(given.number))
    elif given.verb == "kill":
        cluster.kill(given.number)
    elif given.verb == "up":
        cluster.wait(given.number, cluster.launch(given.number))
    elif given.verb == "settle":
        cluster.settle()
    else:
        cluster.stop()


main()
