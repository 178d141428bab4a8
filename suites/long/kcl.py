"""The Kinesis Client Library, unmodified: `kcl.py BINARY KCL_CLASSPATH DYNAMODB [plain|tls]`.

DYNAMODB, for the leases, is an endpoint, or `headwater` for the server itself, or the class path of DynamoDB Local. Two
applications run at once, one polling and one with fan-out, each with two workers on a stream of its own. Under load the
shards are split and merged, the server is killed and started again, and a worker of each is killed and replaced. In the
end what the workers wrote down is compared with what the streams hold.
"""
import collections
import itertools
import os
import pathlib
import socket
import subprocess
import sys
import time

from server import Producer, Server, Stream, Verdict, wait_until

Line = collections.namedtuple("Line", "millis what shard rest")
QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"


class Worker:
    """A running worker, and what it has written down."""

    numbers = itertools.count()

    def __init__(self, classpath, folder, application, stream, mode, kinesis, dynamodb):
        self.file = folder / f"{application}-{next(self.numbers)}.txt"
        words = ["java", "-XX:+UseSerialGC", "-Xmx300m", QUIET, "-cp", classpath, "headwater.Worker"]
        words += [stream.name, application, mode, kinesis, dynamodb, str(self.file)]
        log = open(self.file.with_suffix(".log"), "w")
        self.process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def lines(self):
        """Whole lines alone: the last one may be cut off."""
        text = self.file.read_text() if self.file.exists() else ""
        for line in text.splitlines(keepends=True):
            if line.endswith("\n"):
                millis, what, shard, rest = line.rstrip("\n").split(" ", 3)
                yield Line(int(millis), what, shard, rest)

    def has(self, what):
        return any(line.what == what for line in self.lines())

    def kill(self):
        self.process.kill()
        self.process.wait()


class Application:
    """One mode, its stream, its producer and its workers."""

    def __init__(self, kinesis, mode, start):
        self.mode, self.stream = mode, Stream(kinesis, 4, prefix=f"kcl-{mode}")
        self.producer = Producer(kinesis, self.stream, 100)
        self.start = lambda: start(f"{self.stream.name}-app", self.stream, mode)
        self.workers = [self.start()]
        self.producer.start()

    def replace_one(self):
        self.workers[1].kill()
        self.workers.append(self.start())

    def seen(self):
        return {line.rest.split()[0] for worker in self.workers for line in worker.lines() if line.what == "record"}


def truth(kinesis, stream):
    """What each shard holds: sequence numbers and data, in order."""
    for shard in stream.shards():
        where = {"StreamName": stream.name, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        position, records = kinesis.get_shard_iterator(**where)["ShardIterator"], []
        while position:
            reply = kinesis.get_records(ShardIterator=position)
            records += [(record["SequenceNumber"], record["Data"].decode()) for record in reply["Records"]]
            position = reply.get("NextShardIterator")
            if not reply["Records"] and reply["MillisBehindLatest"] == 0:
                break
        yield shard, records


def spans(workers):
    """shard → what one processor of it wrote down from its beginning on, in the order they began."""
    found = collections.defaultdict(list)
    for worker in workers:
        for line in worker.lines():
            if line.what == "begin":
                found[line.shard].append([])
            if line.shard != "null":
                found[line.shard][-1].append(line)
    return {shard: sorted(those, key=lambda span: span[0].millis) for shard, those in found.items()}


def shard_faults(shard, records, processed):
    """Every record in order, and after a checkpoint never again."""
    place = {number: index for index, (number, _) in enumerate(records)}
    reached, saved = 0, 0  # everything before is processed, is checkpointed
    for span in processed:
        following = None
        for line in span:
            if line.what == "record":
                number, data = line.rest.split(" ", 1)
                index = place.get(number)
                if index is None or records[index][1] != data:
                    yield f"{shard} has no record {number} {data}"
                    continue
                if following is None and not saved <= index <= reached:
                    yield f"a processor of {shard} began at {index}, where {saved} to {reached} was due"
                if following is not None and index != following:
                    yield f"{shard}: record {index} came where {following} was due"
                following = index + 1
                reached = max(reached, following)
            elif line.what == "checkpoint" and line.rest != "SHARD_END":
                saved = max(saved, place[line.rest] + 1)
            elif line.what == "ended" and reached != len(records):
                yield f"{shard} ended after {reached} of {len(records)} records"
    if reached != len(records):
        yield f"{len(records) - reached} of {len(records)} records of {shard} were lost"


def faults(kinesis, application):
    """What is wrong with an application's work."""
    processed, found = spans(application.workers), list(truth(kinesis, application.stream))
    times = lambda shard, what: [line.millis for span in processed.get(shard, []) for line in span if line.what == what]
    texts = set()
    for shard, records in found:
        name = shard["ShardId"]
        texts |= {text for _, text in records}
        yield from shard_faults(name, records, processed.get(name, []))
        for parent in {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")} - {None}:
            ended = times(parent, "ended")
            if not ended or min(times(name, "begin"), default=0) < min(ended):
                yield f"{name} began before its parent {parent} had ended"
    for key, number in application.producer.acknowledged:
        if f"{key} {number}" not in texts:
            yield f"{key} {number} was acknowledged and is not in the stream"


def dynamodb_local(classpath, folder):
    """DynamoDB Local on a free port; its native library lies among the others."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    libraries = pathlib.Path(classpath).parent if classpath.endswith("*") else classpath
    words = ["java", f"-Dsqlite4java.library.path={libraries}", "-cp", classpath]
    words += ["com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory", "-sharedDb", "-port", str(port)]
    log = open(folder / "dynamodb.log", "w")
    process = subprocess.Popen(words, stdout=log, stderr=log, env=os.environ | {"DDB_LOCAL_TELEMETRY": "0"})

    def answers():
        assert process.poll() is None, f"DynamoDB Local ended; see {log.name}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(answers, 60)
    return process, f"http://127.0.0.1:{port}"


def live(server, applications):
    """Everything that happens to them; tells what it waits for."""
    begin = time.monotonic()
    note = lambda text: print(f"   {time.monotonic() - begin:4.0f} s: {text}", flush=True)
    # Workers that make an application's table at the same moment give up.
    wait_until(lambda: all(application.workers[0].has("record") for application in applications), 240, 1)
    note("the first workers have records")
    for application in applications:
        application.workers.append(application.start())
    reshard = lambda change: [getattr(application.stream, change)(1) for application in applications]
    for change in ("split", "merge", "split"):
        time.sleep(12)
        reshard(change)
        note(change)
    wait_until(lambda: all(application.workers[1].has("record") for application in applications), 240, 1)
    note("the second workers have records")
    server.kill()
    time.sleep(2)
    server.start()
    note("killed the server and started it again")
    time.sleep(20)
    for application in applications:
        application.replace_one()
    note("killed a worker and started another")
    time.sleep(12)
    reshard("merge")
    time.sleep(30)
    for application in applications:
        application.producer.stop()
    note("stopped the producers")
    for application in applications:
        held = {number for _, records in truth(application.producer.kinesis, application.stream) for number, _ in records}
        try:
            wait_until(lambda: held <= application.seen(), 240, 2)
            note(f"{application.mode} has everything")
        except AssertionError:
            note(f"{application.mode} lacks {len(held - application.seen())} of {len(held)}")
    time.sleep(5)


def main():
    binary, classpath, dynamodb = sys.argv[1:4]
    server, verdict = Server(binary), Verdict()
    print(f"   everything is written to {server.folder}", flush=True)
    local, kinesis = None, server.client(attempts=1)
    if dynamodb == "headwater":
        dynamodb = server.endpoint
    elif not dynamodb.startswith("http"):
        local, dynamodb = dynamodb_local(dynamodb, server.folder)
    endpoint = server.secure if sys.argv[4:] == ["tls"] else server.endpoint
    start = lambda name, stream, mode: Worker(classpath, server.folder, name, stream, mode, endpoint, dynamodb)
    applications = [Application(kinesis, mode, start) for mode in ("polling", "fan-out")]
    try:
        live(server, applications)
        for application in applications:
            shares = [sum(line.what == "record" for line in worker.lines()) for worker in application.workers]
            note = f"{len(application.producer.acknowledged)} records, workers took {shares}, "
            note += f"{application.producer.errors} batches sent again, {len(application.stream.shards())} shards"
            verdict.say(f"kcl_{application.mode}", faults(kinesis, application), note)
    finally:
        for worker in (worker for application in applications for worker in application.workers):
            worker.kill()
        if local:
            local.kill()
        server.kill()
    verdict.exit()


if __name__ == "__main__":
    main()
