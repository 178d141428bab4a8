"""Kinesis, DynamoDB and Firehose at once, on one server; and the check that everything acknowledged is there, nothing twice,
and in its order. What each of the three writes and knows is what suites/durability has for it."""
import collections
import pathlib
import random
import re
import time

import proof  # noqa: F401 – finds the modules of suites/durability
import dynamo
import firehose
import kill9
from server import DYNAMODB, KINESIS, STREAMS, Client

WRITERS = {"kinesis": 4, "dynamodb": 6, "firehose": 2}
DRAIN_SECONDS = 60
# How long writers write before the kill.
LOAD_SECONDS = (0.02, 0.5)
# How often a start is cut short, too, and how late.
CUT_STARTS, START_SECONDS = 0.3, (0.0, 0.12)
# What a server answers that cannot do it now: 500, 503, and the same for a record of a batch.
UNABLE = re.compile(r"^\w+: (500|503|InternalFailure|ServiceUnavailable)")


class Load:
    """All that is written to one folder, over many lives of its server."""

    def __init__(self, server, rng, may_fail=False):
        self.server, self.rng, self.may_fail = server, rng, may_fail
        self.known = dynamo.Known()
        self.acknowledged, self.refused = {}, []
        self.delivered = collections.defaultdict(set)
        self.rounds, self.writers = 0, []
        self.runtime = firehose.Runtime(server.port)

    def create(self, encrypt):
        """Makes the streams, tables and delivery streams; halts after each kind."""
        kinesis = Client(self.server.port, KINESIS)
        kinesis.call("CreateStream", StreamName=kill9.STREAM, ShardCount=kill9.SHARDS)
        if encrypt:
            kinesis.call("StartStreamEncryption", StreamName=kill9.STREAM, EncryptionType="KMS", KeyId="alias/aws/kinesis")
        yield
        dynamo.create(Client(self.server.port, DYNAMODB))
        yield
        firehose.create(self.server.port)
        self.runtime.start()
        yield

    def begin(self):
        """Writes until the server is gone."""
        port, chance = self.server.port, lambda: random.Random(self.rng.random())
        name = f"r{self.rounds}w"
        self.rounds += 1
        self.writers = [
            *(kill9.Writer(f"{name}{number}", port, chance(), self.acknowledged, self.refused)
              for number in range(WRITERS["kinesis"])),
            *(dynamo.Writer(f"w{number}", port, chance(), self.known, False) for number in range(WRITERS["dynamodb"])),
            *(firehose.Writer(port, chance(), self.delivered, self.refused) for _ in range(WRITERS["firehose"])),
        ]
        for writer in self.writers:
            writer.start()

    def join(self):
        """After the server is gone."""
        self.known.kills.append(time.monotonic())
        for writer in self.writers:
            writer.join()

    def end(self):
        """No more lives: nobody waits for the server any longer."""
        self.runtime.ended = True

    def count(self):
        return len(self.acknowledged) + self.known.acknowledged + sum(map(len, self.delivered.values()))

    def faults(self):
        """All that is wrong with the tables, and all that was refused."""
        port = self.server.port
        dynamo.check(Client(port, DYNAMODB), Client(port, STREAMS), self.known)
        wrong = self.refused + self.known.faults
        return [fault for fault in wrong if not (self.may_fail and UNABLE.match(fault))]

    def record_faults(self):
        """All that is wrong with the records of the stream."""
        return list(kill9.faults(Client(self.server.port), self.acknowledged))

    def last_faults(self):
        """All that is wrong with anything: every record read, every object opened."""
        wrong = self.faults() + self.record_faults()
        bucket, seen = pathlib.Path(self.server.data) / "s3" / firehose.BUCKET, {}
        deadline = time.monotonic() + DRAIN_SECONDS
        while True:
            missing = firehose.missing(self.delivered, firehose.arrived(bucket, seen))
            if not any(missing.values()) or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        return wrong + [f"{name}: {len(lines)} lines were not delivered: {sorted(lines)[:3]}"
                        for name, lines in missing.items() if lines]


class Folder:
    """One folder from its first start to the reading of everything; `disk` forgets at each kill, if there is one."""

    def __init__(self, options, rng, verdict, disk):
        self.rng, self.verdict, self.disk = rng, verdict, disk
        self.server = proof.Place(options.binary, disk)
        self.pages, self.changes, self.restarts, self.written = 0, 0, [], None

    def cut(self):
        self.server.kill()
        if self.disk is not None:
            pages, changes = self.disk.cut(self.rng)
            self.pages, self.changes = self.pages + pages, self.changes + changes

    def start(self):
        """Starts it, sometimes after starts that were cut short; whether it answers."""
        while self.rng.random() < CUT_STARTS:
            self.server.begins()
            time.sleep(self.rng.uniform(*START_SECONDS))
            self.cut()
        up, took = proof.timed(self.server.starts)
        self.restarts.append(took)
        return self.verdict.expect(up, f"it does not start: {self.server.last_words()[-600:]}")

    def run(self, rounds):
        """Acknowledged writes of so many rounds."""
        if not self.start():
            return 0
        self.written = Load(self.server, self.rng)
        return self.live(self.written, rounds)

    def live(self, written, rounds):
        list(written.create(encrypt=self.rng.random() < 0.5))
        for number in range(rounds):
            written.begin()
            time.sleep(self.rng.uniform(*LOAD_SECONDS))
            self.cut()
            written.join()
            if not self.start():
                break
            wrong = written.last_faults() if number + 1 == rounds else written.faults()
            for sentence in wrong[:5]:
                self.verdict.expect(False, sentence)
            if wrong:
                break
        return written.count()

    def close(self):
        if self.written is not None:
            self.written.end()
        self.server.close()
        if self.disk is not None:
            self.disk.close()


class Lives:
    """`options.rounds` rounds of load, kill and restart, on folders that each last some of them; what they came to."""

    def __init__(self, options, rng, verdict, rounds_a_folder, disk):
        self.rounds, self.folders, self.acknowledged, self.pages, self.changes = 0, 0, 0, 0, 0
        self.restarts = []
        while self.rounds < options.rounds and not verdict.faults:
            folder = Folder(options, rng, verdict, disk())
            rounds = min(rng.randint(*rounds_a_folder), options.rounds - self.rounds)
            try:
                self.acknowledged += folder.run(rounds)
            finally:
                folder.close()
            self.rounds, self.folders = self.rounds + rounds, self.folders + 1
            self.pages, self.changes = self.pages + folder.pages, self.changes + folder.changes
            self.restarts += folder.restarts
            print(f"round {self}", flush=True)

    def __str__(self):
        longest = max(self.restarts, default=0)
        return (f"{self.rounds} rounds on {self.folders} folders, {self.acknowledged} writes acknowledged, "
                f"longest start {longest:.2f} s")
