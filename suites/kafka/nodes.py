#!/usr/bin/env python3
"""Several servers on one Kafka under load, while servers and brokers are killed or stopped and shards split and merge;
then everything is read: no acknowledged record may be lost or stand twice, each stands in the shard and under the number
that was told, and what one writer put under one key comes back in its order. Of items: no addition to a counter that was
answered is lost or done twice, writes of registers on condition and strong reads of them can be put in one order
(`suites/go/linear`), and any read shows what was written through the same server.

`nodes.py SERVER_BINARY LINEAR_BINARY --brokers ADDRESSES --control "BROKERS.PY …" [--nodes N] [--rounds N | --each N]
[--only KIND] [--seed N]`. With `--cuts N` in place of `--brokers` it starts N brokers in a network of its own, where servers
are also cut off from the brokers and from each other; that takes root, and iproute2's `ip`.
"""
import argparse
import base64
import collections
import contextlib
import os
import pathlib
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "durability"))
from registers import History, Register  # noqa: E402
from server import BROKEN, DYNAMODB, KEYED_BY_K, KINESIS, STREAMS, Client, Refusal, Server  # noqa: E402

STREAM, SHARDS, WRITERS = "nodes", 4, 8
TABLE, COUNTERS, REGISTERS, CHANGERS = "nodes", 3, 3, 6
MASTER_KEY = base64.b64encode(b"only for tests, 32 bytes of key.").decode()
ROUND_SECONDS = (1.5, 4)
STOP_SECONDS = (5, 15)
# A client gives up a server that hangs, as a load balancer does that asks for its health.
PATIENCE_SECONDS = 6
# So long nobody is sent to a server that was given up.
REST_SECONDS = 10
# A server that is further behind the one that leads does not wait for what is written through it.
BEHIND_SECONDS = 1.5
REGISTER_SECONDS = 10
# Users that nobody is.
FIRST_USER = 62_000
# So small that snapshots of the table are written all the time.
SNAPSHOTS = ("--table-snapshot-bytes", "5000")
# An answer that says "try again": allowed while something is down.
PASSING = {"ServiceUnavailable", "InternalFailure", "InternalServerError", ""}


class Node(Server):
    """One server on Kafka."""

    def __init__(self, binary, folder, brokers, prefix, *words, user=None):
        folder.mkdir()
        super().__init__(binary, folder)
        single = ["--allow-single-replica"] if "," not in brokers else []
        self.words = ["--engine", "kafka", "--brokers", brokers, "--kafka-prefix", prefix, *single, *words]
        # Cuts tell the packets of one from those of another by the user.
        self.user = user
        if user:
            os.chown(folder, user, user)

    def command(self):
        become = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []
        return become + super().command() + self.words


def started(count, binary, folder, brokers, prefix, *words):
    """So many servers on the same brokers, each with a folder of its own."""
    nodes = [Node(os.path.abspath(binary), pathlib.Path(folder) / str(number), brokers, prefix, *words) for number in range(count)]
    for node in nodes:
        node.start()
    return nodes


class Writer(threading.Thread):
    """Puts numbered records under its own keys through whichever node answers; remembers what was acknowledged."""

    def __init__(self, name, ports, rng, shared):
        super().__init__(daemon=True)
        self.ports, self.rng, self.shared, self.prefix, self.number = ports, rng, shared, name, 0
        self.client = None

    def entry(self):
        self.number += 1
        key = f"{self.prefix}-{self.number % 3}"
        text = f"{key} {self.number} ".encode() + b"x" * self.rng.choice((10, 100, 1000, 20000))
        return {"Data": base64.b64encode(text).decode(), "PartitionKey": key}, (key, self.number)

    def run(self):
        while not self.shared.done.is_set():
            begun = time.monotonic()
            try:
                if self.client is None or self.rng.random() < 0.1:
                    port = self.rng.choice(self.shared.healthy(self.ports))
                    self.client = Client(port, self.service, PATIENCE_SECONDS)
                self.put()
                self.shared.stall = max(self.shared.stall, time.monotonic() - self.since)
                self.since = time.monotonic()
            except BROKEN as broken:
                if isinstance(broken, TimeoutError):
                    self.shared.silent[port] = time.monotonic()
                self.client = None
                time.sleep(0.02)
            except Refusal as refusal:
                if refusal.code not in PASSING:
                    self.shared.wrong.append(str(refusal))
                self.client = None
                time.sleep(0.05)
            self.shared.longest = max(self.shared.longest, time.monotonic() - begun)

    since = float("inf")
    service = KINESIS

    def put(self):
        if self.rng.random() < 0.5:
            entry, identity = self.entry()
            reply = self.client.call("PutRecord", StreamName=STREAM, **entry)
            self.shared.acknowledged[identity] = (reply["ShardId"], reply["SequenceNumber"])
            return
        entries, identities = zip(*(self.entry() for _ in range(self.rng.randint(2, 20))))
        reply = self.client.call("PutRecords", StreamName=STREAM, Records=entries)
        for identity, put in zip(identities, reply["Records"]):
            if "ErrorCode" not in put:
                self.shared.acknowledged[identity] = (put["ShardId"], put["SequenceNumber"])
            elif put["ErrorCode"] not in PASSING:
                self.shared.wrong.append(str(put))


class Changer(Writer):
    """Adds to counters and writes registers on condition, and reads them strongly, through whichever node answers."""

    service = DYNAMODB

    def put(self):
        self.rng.choice([self.add, self.swap])()

    def add(self):
        key = f"counter-{self.rng.randrange(COUNTERS)}"
        self.shared.asked[key] += 1
        reply = self.client.call(
            "UpdateItem", TableName=TABLE, Key={"k": {"S": key}}, UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}}, ReturnValues="UPDATED_NEW")
        self.shared.counted[key].append(int(reply["Attributes"]["n"]["N"]))

    def swap(self):
        # Registers change, so that no history is longer than can be searched.
        key = f"register-{self.rng.randrange(REGISTERS)}-{int(time.monotonic() // REGISTER_SECONDS)}"
        self.number += 1
        step = self.shared.history.swapped(self.client.call, Register(TABLE, key), self.prefix, f"{self.prefix}-{self.number}")
        if step and time.monotonic_ns() - step["Call"] < BEHIND_SECONDS * 1e9:
            item = self.client.call("GetItem", TableName=TABLE, Key={"k": {"S": key}}).get("Item", {"n": {"N": "0"}})
            if int(item["n"]["N"]) < step["Version"]:
                self.shared.wrong.append(f"{key}: version {step['Version']} is not read through the server it was written through")


def item_faults(ports, shared):
    """Everything that is wrong with counters, as sentences."""
    for key, answers in shared.counted.items():
        item = patiently(ports, "GetItem", DYNAMODB, TableName=TABLE, Key={"k": {"S": key}}, ConsistentRead=True)
        value = int(item.get("Item", {"n": {"N": "0"}})["n"]["N"])
        if len(set(answers)) < len(answers):
            yield f"{key}: a value was answered twice"
        if not len(answers) <= value <= shared.asked[key] or max(answers) > value:
            yield f"{key} is {value}: {len(answers)} of {shared.asked[key]} additions were answered, up to {max(answers)}"


def linear(program, ports, shared, folder):
    """What a search for an order of all reads and writes of registers finds wrong."""
    for key in {step["Key"] for step in shared.history.steps}:
        shared.history.seen(lambda operation, **request: patiently(ports, operation, DYNAMODB, **request), Register(TABLE, key), "last")
    wrong, shared.verdict = shared.history.check(program, folder)
    return wrong


class Shared:
    """What the writers know together."""

    def __init__(self):
        self.history = History()
        self.asked, self.counted = collections.Counter(), collections.defaultdict(list)
        self.done, self.acknowledged, self.wrong = threading.Event(), {}, []
        self.stall = self.longest = 0
        # Servers that did not answer, and when that was noticed.
        self.silent = {}

    def healthy(self, ports):
        """Those that a load balancer sends to, which all writers are behind: what was silent is passed over for a while."""
        now = time.monotonic()
        return [port for port in ports if now - self.silent.get(port, -REST_SECONDS) >= REST_SECONDS] or ports

    def changed(self):
        return sum(map(len, self.counted.values())) + self.history.writes()


def patiently(clients, operation, service=KINESIS, **request):
    """Calls until a node answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return Client(random.choice(clients), service).call(operation, **request)
        except (Refusal, *BROKEN) as error:
            if isinstance(error, Refusal) and error.code not in PASSING | {"LimitExceededException"}:
                raise
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def records(ports, service=KINESIS, **start):
    """Everything that stands in a shard from a start on, which is what GetShardIterator takes."""
    position = patiently(ports, "GetShardIterator", service, **start)["ShardIterator"]
    while position:
        reply = patiently(ports, "GetRecords", service, ShardIterator=position)
        yield from reply["Records"]
        # A table's stream does not tell how far behind a reader is: a page of nothing is its end.
        if not reply["Records"] and reply.get("MillisBehindLatest", 0) == 0:
            return
        position = reply.get("NextShardIterator")


def changes(port, table):
    """Everything in a table's stream: shard and record."""
    arn = patiently([port], "DescribeTable", DYNAMODB, TableName=table)["Table"]["LatestStreamArn"]
    for shard in patiently([port], "DescribeStream", STREAMS, StreamArn=arn)["StreamDescription"]["Shards"]:
        name = shard["ShardId"]
        for record in records([port], STREAMS, StreamArn=arn, ShardId=name, ShardIteratorType="TRIM_HORIZON"):
            yield name, record


def read_all(ports, shard):
    """(key, number), sequence number: everything in a shard, in order."""
    for record in records(ports, StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON"):
        key, number, _ = base64.b64decode(record["Data"]).split(b" ", 2)
        yield (key.decode(), int(number)), record["SequenceNumber"]


def faults(ports, acknowledged):
    """Everything that is wrong with what can be read, as sentences."""
    found, numbers, last_of_key = {}, collections.Counter(), {}
    shards = sorted(shard["ShardId"] for shard in patiently(ports, "ListShards", StreamName=STREAM)["Shards"])
    for shard in shards:
        last = 0
        for identity, number in read_all(ports, shard):
            if int(number) <= last:
                yield f"sequence numbers do not rise at {shard} {number}"
            last = int(number)
            numbers[number] += 1
            if identity in found and identity in acknowledged:
                yield f"{identity} stands twice: {found[identity]} and {(shard, number)}"
            found[identity] = (shard, number)
            key, place = identity
            if identity in acknowledged:
                if place < last_of_key.get(key, -1):
                    yield f"{identity} stands after {last_of_key[key]}"
                last_of_key[key] = place
    yield from (f"{identity} was acknowledged as {place} and is {found.get(identity, 'lost')}"
                for identity, place in acknowledged.items() if found.get(identity) != place)
    yield from (f"sequence number {number} stands {times} times" for number, times in numbers.items() if times > 1)


def reshard(ports, rng):
    """Splits a shard in the middle, or merges two neighbours."""
    patiently(ports, "DescribeStreamSummary", StreamName=STREAM)
    shards = patiently(ports, "ListShards", StreamName=STREAM, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    ranges = sorted((int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]),
                     shard["ShardId"]) for shard in shards)
    try:
        if len(ranges) > SHARDS:
            at = rng.randrange(len(ranges) - 1)
            patiently(ports, "MergeShards", StreamName=STREAM, ShardToMerge=ranges[at][2],
                      AdjacentShardToMerge=ranges[at + 1][2])
        else:
            low, high, shard = rng.choice(ranges)
            patiently(ports, "SplitShard", StreamName=STREAM, ShardToSplit=shard,
                      NewStartingHashKey=str((low + high) // 2 + 1))
    except Refusal as refusal:
        # The first try may have been answered by nobody and yet have been done.
        if refusal.code not in {"ResourceInUseException", "InvalidArgumentException"}:
            raise


class Brokers:
    def __init__(self, control, addresses):
        self.control = shlex.split(control)
        self.ports = [int(address.rpartition(":")[2]) for address in addresses.split(",")]
        self.count = len(self.ports)

    def do(self, *words):
        subprocess.run(self.control + list(words), check=True, stdout=subprocess.DEVNULL)

    def pid(self, number):
        return int(pathlib.Path(self.control[self.control.index("--folder") + 1], str(number), "pid").read_text())


def own_network(arguments):
    """Runs this again in a network of its own, where what is for this machine is looked up after the rules of cuts."""
    setup = "ip link set lo up && ip rule add pref 200 lookup local && ip rule del pref 0 && exec \"$@\""
    os.execvp("unshare", ["unshare", "--net", "sh", "-c", setup, "sh", sys.executable, *arguments, "--inside"])


@contextlib.contextmanager
def cut(node, ports):
    """Drops what a server sends to these ports, so that neither side hears the other answer."""
    rules = [f"pref 100 uidrange {node.user}-{node.user} ipproto tcp dport {port} blackhole".split() for port in ports]
    for rule in rules:
        subprocess.run(["ip", "rule", "add", *rule], check=True)
    yield
    for rule in rules:
        subprocess.run(["ip", "rule", "del", *rule], check=True)


def stop(pid, seconds):
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def kinds_of(nodes, brokers):
    """What can go wrong."""
    kinds = ["node killed", "node stopped", "reshard", "reshard"]
    if brokers.count > 2:
        kinds += ["broker killed", "broker stopped", "all brokers killed"]
    if nodes[0].user:
        kinds += ["node without brokers", "nodes apart"]
    return kinds


def planned(options, kinds, rng):
    """What goes wrong, one after the other."""
    kinds = options.only or kinds
    if not options.each:
        return [rng.choice(kinds) for _ in range(options.rounds)]
    return rng.sample(sorted(set(kinds)) * options.each, k=len(set(kinds)) * options.each)


def strike(kind, rng, nodes, brokers, ports):
    """One thing that goes wrong, and is undone."""
    node, broker, seconds = rng.choice(nodes), rng.randint(1, brokers.count), rng.choice(STOP_SECONDS)
    if kind == "node killed":
        node.kill()
        time.sleep(rng.uniform(0, 2))
        node.start()
    elif kind == "node stopped":
        stop(node.process.pid, seconds)
    elif kind == "broker killed":
        brokers.do("settle")
        brokers.do("kill", str(broker))
        time.sleep(rng.uniform(1, 4))
        brokers.do("up", str(broker))
    elif kind == "broker stopped":
        brokers.do("settle")
        stop(brokers.pid(broker), seconds)
    elif kind == "all brokers killed":
        for number in range(1, brokers.count + 1):
            brokers.do("kill", str(number))
        starts = [threading.Thread(target=brokers.do, args=("up", str(number))) for number in range(1, brokers.count + 1)]
        for start in starts:
            start.start()
        for start in starts:
            start.join()
    elif kind == "node without brokers":
        with cut(node, brokers.ports):
            time.sleep(seconds)
    elif kind == "nodes apart":
        with cut(node, [other.port for other in nodes if other is not node]):
            time.sleep(seconds)
    else:
        reshard(ports, rng)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("linear")
    parser.add_argument("--brokers")
    parser.add_argument("--control", default="")
    parser.add_argument("--cuts", type=int)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--each", type=int, help="so many rounds of everything, in place of --rounds of anything")
    parser.add_argument("--only", action="append", help="what goes wrong, as the rounds name it; may be given again")
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    options = parser.parse_args()
    if options.cuts and not options.inside:
        own_network(sys.argv)
    if options.cuts:
        start = subprocess.run([*shlex.split(options.control), "start", str(options.cuts)], check=True, stdout=subprocess.PIPE, text=True)
        options.brokers = start.stdout.strip()
    os.environ["HEADWATER_MASTER_KEY"] = MASTER_KEY
    rng, shared, brokers = random.Random(options.seed), Shared(), Brokers(options.control, options.brokers)
    print(f"seed {options.seed}, {options.nodes} nodes, {brokers.count} broker(s)")
    with tempfile.TemporaryDirectory(prefix="headwater-nodes-") as folder:
        os.chmod(folder, 0o755)
        binary = os.path.abspath(options.binary)
        nodes = [Node(binary, pathlib.Path(folder) / str(number), options.brokers, f"nodes-{options.seed}", *SNAPSHOTS,
                      user=options.cuts and FIRST_USER + number) for number in range(options.nodes)]
        for node in nodes:
            node.start()
        ports = [node.port for node in nodes]
        patiently(ports, "CreateStream", StreamName=STREAM, ShardCount=SHARDS)
        writers = [Writer(f"w{number}", ports, random.Random(rng.random()), shared) for number in range(WRITERS)]
        patiently(ports, "CreateTable", DYNAMODB, TableName=TABLE, **KEYED_BY_K)
        writers += [Changer(f"c{number}", ports, random.Random(rng.random()), shared) for number in range(CHANGERS)]
        for writer in writers:
            writer.start()
        struck, kinds = collections.Counter(), kinds_of(nodes, brokers)
        for round_number, kind in enumerate(planned(options, kinds, rng)):
            time.sleep(rng.uniform(*ROUND_SECONDS))
            strike(kind, rng, nodes, brokers, ports)
            struck[kind] += 1
            print(f"round {round_number + 1}: {kind}; {len(shared.acknowledged)} records and {shared.changed()} changes acknowledged, "
                  f"longest wait for an answer {shared.longest:.1f} s, between two of a writer {shared.stall:.1f} s", flush=True)
            shared.stall = shared.longest = 0
        shared.done.set()
        for writer in writers:
            writer.join()
        wrong = shared.wrong + list(faults(ports, shared.acknowledged)) + list(item_faults(ports, shared))
        wrong += linear(options.linear, ports, shared, pathlib.Path(folder))
        lines = [line for node in nodes for line in node.log_path.read_text(errors="replace").splitlines()]
        said = [line for line in lines if "panicked" in line]
        struck["snapshots"] = sum("a snapshot of the tables is whole" in line for line in lines)
        struck["loaded"] = sum("the snapshot of the tables is loaded" in line for line in lines)
        for node in nodes:
            node.kill()
    if options.cuts:
        brokers.do("stop")
    for sentence in (said + wrong)[:20]:
        print("FAILED", sentence)
    print(shared.verdict)
    print(f"{dict(struck)}; {len(shared.acknowledged)} records and {shared.changed()} changes acknowledged, {len(wrong) + len(said)} faults")
    sys.exit(1 if wrong or said else 0)


if __name__ == "__main__":
    main()
