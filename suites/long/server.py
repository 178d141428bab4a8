"""What the long suites share: the server under test, a client for it, streams that are resharded, and the verdict."""
import collections
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import boto3
import botocore.config

KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}


class Server:
    """The binary on a port and a folder of its own; can be killed and started again."""

    def __init__(self, binary, *arguments, folder=None):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="headwater-suite-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]
        self.words = [binary, "serve", "--listen", self.address, "--data", str(self.folder / "data"), *arguments]
        self.start()

    def start(self):
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(self.words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(self.address.split(":"), 1):
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the server does not start; see {self.folder}/server.log")
            time.sleep(0.01)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def endpoint(self):
        return f"http://{self.address}"

    @property
    def secure(self):
        return f"https://{self.address}"

    def client(self, service="kinesis", **more):
        return connect(self.endpoint, service, **more)

    def megabytes(self):
        """Resident memory."""
        return int(self._status("statm").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_seconds(self):
        """Time on the processor, user's and system's."""
        fields = self._status("stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _status(self, name):
        return pathlib.Path(f"/proc/{self.process.pid}/{name}").read_text()


def connect(endpoint, service="kinesis", attempts=3, **keys):
    config = botocore.config.Config(
        max_pool_connections=100, retries={"total_max_attempts": attempts, "mode": "standard"}, parameter_validation=False
    )
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", config=config, **(keys or KEYS))


def fresh(prefix):
    """A name nobody used before."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def wait_until(condition, seconds=30, pause=0.05):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(pause)


class Peak(threading.Thread):
    """Watches a server's memory from now on."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.watching = server, True
        self.before = self.most = server.megabytes()
        self.start()

    def run(self):
        while self.watching:
            with contextlib.suppress(OSError):
                self.most = max(self.most, self.server.megabytes())
            time.sleep(0.1)

    def stop(self):
        self.watching = False
        self.join()
        return self.most


class Stream:
    """A stream with its consumers, and what reshards it."""

    def __init__(self, kinesis, shards, prefix="suite"):
        self.kinesis, self.name = kinesis, fresh(prefix)
        kinesis.create_stream(StreamName=self.name, ShardCount=shards)
        self.active()
        self.arn = self.summary()["StreamARN"]

    def summary(self):
        return self.kinesis.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]

    def active(self):
        wait_until(lambda: self.summary()["StreamStatus"] == "ACTIVE")

    def shards(self):
        return self.kinesis.list_shards(StreamName=self.name)["Shards"]

    def open_shards(self):
        found = [shard for shard in self.shards() if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]
        return sorted(found, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))

    def consumer(self, name="suite"):
        arn = self.kinesis.register_stream_consumer(StreamARN=self.arn, ConsumerName=name)["Consumer"]["ConsumerARN"]
        state = lambda: self.kinesis.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"]["ConsumerStatus"]
        wait_until(lambda: state() == "ACTIVE")
        return arn

    def split(self, position=0):
        """Cuts the open shard at this position of the key space in two."""
        shard = self.open_shards()[position]
        keys = shard["HashKeyRange"]
        middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2 + 1
        self.kinesis.split_shard(StreamName=self.name, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle))
        self.active()

    def merge(self, position=0):
        """Joins the open shard at this position with the next."""
        first, second = self.open_shards()[position : position + 2]
        pair = {"ShardToMerge": first["ShardId"], "AdjacentShardToMerge": second["ShardId"]}
        self.kinesis.merge_shards(StreamName=self.name, **pair)
        self.active()


class Producer(threading.Thread):
    """Puts numbered records under some keys until it is told to stop; goes on where the server was away."""

    def __init__(self, kinesis, stream, per_second, keys=20, filler=0):
        super().__init__(daemon=True)
        self.kinesis, self.stream, self.per_second = kinesis, stream, per_second
        self.names, self.filler = [f"key{number}" for number in range(keys)], b"\n" + b"x" * filler if filler else b""
        self.numbers = collections.Counter()
        self.acknowledged, self.errors, self.running = set(), 0, True

    def run(self):
        batch = max(1, self.per_second // 20)
        begin, sent = time.monotonic(), 0
        while self.running:
            self.put([self.names[(sent + position) % len(self.names)] for position in range(batch)])
            sent += batch
            time.sleep(max(0, begin + sent / self.per_second - time.monotonic()))

    def put(self, keys):
        """One batch, again until it is acknowledged. A retry after a crash may double a record, never reorder new ones."""
        entries, identities = [], []
        for key in keys:
            identities.append((key, self.numbers[key]))
            data = b"%s %d" % (key.encode(), self.numbers[key]) + self.filler
            entries.append({"Data": data, "PartitionKey": key})
            self.numbers[key] += 1
        while self.running:
            try:
                reply = self.kinesis.put_records(StreamName=self.stream.name, Records=entries)
                assert reply["FailedRecordCount"] == 0, reply
                return self.acknowledged.update(identities)
            except Exception as error:  # whatever a client meets while the server is away
                self.errors += 1
                self.last_error = error
                time.sleep(0.2)

    def stop(self):
        self.running = False
        self.join()


def faults(acknowledged, seen):
    """What is wrong with the records (texts `KEY NUMBER` in the order seen), as sentences: lost, twice, out of order."""
    identities = [(key, int(number)) for key, number in (text.split()[:2] for text in seen)]
    times = collections.Counter(identities)
    yield from (f"{identity} was lost" for identity in sorted(acknowledged - set(times)))
    yield from (f"{identity} came {count} times" for identity, count in times.items() if count > 1)
    last = {}
    for key, number in identities:
        if number < last.get(key, -1):
            yield f"{key} {number} came after {last[key]}"
        last[key] = number


class Verdict:
    """A line for each scenario, and the exit code."""

    def __init__(self):
        self.failed = 0

    def say(self, name, wrong, note=""):
        wrong = list(wrong)
        self.failed += bool(wrong)
        line = f"FAILED {name}: {len(wrong)} faults: {'; '.join(map(str, wrong[:5]))}" if wrong else f"ok {name}"
        print(line + (f" ({note})" if note else ""), flush=True)

    def exit(self):
        sys.exit(1 if self.failed else 0)
