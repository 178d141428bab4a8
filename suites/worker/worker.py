"""The client library's readers and workers: `worker.py BINARY CONSUME FOLLOW WORKER`, the last three being examples of
crates/headwater-client.

First every way to read is held against what boto3 reads. Then two applications run at once, one polling and one with
fan-out, each with two workers on a stream of its own, and their leases in the server's DynamoDB. Under load the shards are
split and merged, a worker of each is killed and replaced, the server is killed and started again. In the end what the
workers wrote down is held against what the streams hold: every record at least once, in order by key, parents first.
"""
import collections
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "long"))
from server import Producer, Server, Stream, wait_until  # noqa: E402

FAIL_OVER_SECONDS = 3
# A look and a renewal late, and time for the machine.
TAKEN_OVER_SECONDS = FAIL_OVER_SECONDS * 3
KEYS = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
Line = collections.namedtuple("Line", "shard number key data")


class Facts:
    """A line for each fact, the sum at the end."""

    def __init__(self):
        self.passed = self.failed = 0

    def say(self, fact, wrong, note=""):
        wrong = list(wrong)
        self.passed += not wrong
        self.failed += bool(wrong)
        verdict = f"FAILED {fact}: {len(wrong)} faults: {'; '.join(map(str, wrong[:5]))}" if wrong else f"ok {fact}"
        print(verdict + (f" ({note})" if note else ""), flush=True)

    def exit(self):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)


def environment(server):
    return os.environ | KEYS | {"AWS_ENDPOINT_URL": server.endpoint}


def read_lines(text):
    """Whole lines alone: the last one may be cut off."""
    return [Line(*line.rstrip("\n").split(" ", 3)) for line in text.splitlines(keepends=True) if line.endswith("\n")]


class Worker:
    """A running example worker, and what it has written down."""

    numbers = itertools.count()

    def __init__(self, program, server, stream, table, *more):
        self.file = server.folder / f"worker-{next(self.numbers)}.txt"
        words = [program, stream.name, table, str(self.file), str(FAIL_OVER_SECONDS), *more]
        with open(self.file.with_suffix(".log"), "w") as log:
            self.process = subprocess.Popen(words, env=environment(server), stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def lines(self):
        return read_lines(self.file.read_text()) if self.file.exists() else []

    def kill(self):
        self.process.kill()
        self.process.wait()

    def shut_down(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def truth(kinesis, stream):
    """shard → its records, in order, as boto3 reads them."""
    found = {}
    for shard in stream.shards():
        name, records = shard["ShardId"], []
        where = {"StreamName": stream.name, "ShardId": name, "ShardIteratorType": "TRIM_HORIZON"}
        position = kinesis.get_shard_iterator(**where)["ShardIterator"]
        while position:
            reply = kinesis.get_records(ShardIterator=position)
            for record in reply["Records"]:
                records.append(Line(name, record["SequenceNumber"], record["PartitionKey"], record["Data"].decode()))
            position = reply.get("NextShardIterator")
            if not reply["Records"] and reply["MillisBehindLatest"] == 0:
                break
        found[name] = records
    return found


def parents(stream):
    return {
        shard["ShardId"]: {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")} - {None}
        for shard in stream.shards()
    }


def order_faults(lines):
    """Under each key, a number that comes for the first time comes after all smaller ones."""
    most = {}
    for line in lines:
        number = int(line.data.split()[1])
        if number > most.get(line.key, -1) + 1:
            yield f"{line.key} {number} came where {most.get(line.key, -1) + 1} was due"
        most[line.key] = max(most.get(line.key, -1), number)


def missing(held, lines):
    """What is in the stream and was not read."""
    seen = set(lines)
    return [f"{line} was not read" for records in held.values() for line in records if line not in seen]


def strangers(held, lines):
    known = {line for records in held.values() for line in records}
    return [f"{line} is not in the stream" for line in lines if line not in known]


def twice(lines):
    return [f"{line} came {count} times" for line, count in collections.Counter(lines).items() if count > 1]


def consume(facts, program, server, kinesis):
    """The example of the mission: all shards in parallel, ten records a request."""
    stream = Stream(kinesis, 2, prefix="consume")
    for number in range(105):
        kinesis.put_record(StreamName=stream.name, PartitionKey=f"key{number % 7}", Data=f"key{number % 7} {number // 7}")
        if number == 50:
            stream.split()
    held = truth(kinesis, stream)
    read = subprocess.run([program, stream.name, "--once"], env=environment(server), capture_output=True, text=True, timeout=60)
    lines = read_lines(read.stdout)
    wrong = missing(held, lines) + strangers(held, lines) + twice(lines)
    facts.say("consume_reads_every_shard_closed_ones_too", wrong or [read.stderr] * read.returncode, f"{len(lines)} records")


def starts(facts, program, server, kinesis, mode):
    """The five places to start at, in one shard."""
    stream = Stream(kinesis, 1, prefix="starts")
    put = lambda number: kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=f"k {number}")["SequenceNumber"]
    numbers = [put(number) for number in range(3)]
    time.sleep(1.1)
    noon = time.time()
    time.sleep(0.1)
    numbers += [put(number) for number in range(3, 6)]
    wanted = {
        "trim_horizon": range(8), f"at={numbers[2]}": range(2, 8), f"after={numbers[2]}": range(3, 8),
        f"time={noon}": range(3, 8), "latest": range(6, 8),
    }
    readers = {}
    for at, start in enumerate(wanted):
        words = [program, stream.name, start, *(["fan-out", f"starts{at}"] if mode == "fan-out" else [])]
        words += ["shard", stream.shards()[0]["ShardId"]]
        file = server.folder / f"starts-{mode}-{at}.txt"
        with open(file, "w") as output:
            readers[start] = subprocess.Popen(words, env=environment(server), stdout=output), file
    wait_until(lambda: all(file.read_text().startswith("reading") for _, file in readers.values()), 30)
    put(6), put(7)
    stream.split()  # ends them
    for start, (reader, file) in readers.items():
        code = reader.wait(60)
        got = [int(line.data.split()[1]) for line in read_lines(file.read_text())[1:]] + [f"exit code {code}"] * code
        due = list(wanted[start])
        facts.say(f"{mode}_starts_at_{start.partition('=')[0]}", [] if got == due else [f"{got}, not {due}"])
    if mode == "fan-out":
        left = kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"]
        facts.say("fan-out_consumers_are_deregistered_by_who_registered_them", left)


def follow(facts, program, server, kinesis, mode):
    """A whole stream through splits, merges and a kill of the server: each record once, in order."""
    stream = Stream(kinesis, 2, prefix="follow")
    producer = Producer(kinesis, stream, 200)
    producer.start()
    words = [program, stream.name, "trim_horizon", *(["fan-out", "follow"] if mode == "fan-out" else [])]
    file = server.folder / f"follow-{mode}.txt"
    with open(file, "w") as output:
        reader = subprocess.Popen(words, env=environment(server), stdout=output)
    for change in ("split", "split", "merge", "kill", "merge", "split"):
        time.sleep(2)
        if change == "kill":
            server.kill()
            time.sleep(1)
            server.start()
        else:
            getattr(stream, change)()
    time.sleep(2)
    producer.stop()
    held = truth(kinesis, stream)
    lines = lambda: read_lines(file.read_text())[1:]
    deadline = time.monotonic() + 60
    while missing(held, lines()) and time.monotonic() < deadline:
        time.sleep(0.5)
    reader.kill()
    reader.wait()
    lines = lines()
    note = f"{len(lines)} records, {len(held)} shards"
    facts.say(f"{mode}_follows_splits_and_merges_and_loses_nothing", missing(held, lines), note)
    facts.say(f"{mode}_repeats_nothing", twice(lines) + strangers(held, lines))
    facts.say(f"{mode}_keeps_the_order_of_each_key", order_faults(lines), f"{producer.errors} batches sent again")
    facts.say(f"{mode}_reads_parents_first", family_faults(parents(stream), [line.shard for line in lines]))


def family_faults(parents, shards):
    """A shard is begun when its parents are done with."""
    first = {shard: at for at, shard in reversed(list(enumerate(shards)))}
    last = {shard: at for at, shard in enumerate(shards)}
    for child, those in parents.items():
        for parent in those & last.keys():
            if child in first and first[child] < last[parent]:
                yield f"{child} began before the end of {parent}"


class Application:
    """One mode, its stream, its producer and its workers."""

    def __init__(self, program, server, kinesis, mode):
        self.mode, self.server, self.stream = mode, server, Stream(kinesis, 4, prefix=f"worker-{mode}")
        self.table, self.more = f"{self.stream.name}-leases", ["workers"] if mode == "fan-out" else []
        self.program, self.kinesis = program, kinesis
        self.producer = Producer(kinesis, self.stream, 100)
        self.workers = [self.start(), self.start()]
        self.producer.start()

    def start(self):
        return Worker(self.program, self.server, self.stream, self.table, *self.more)

    def leases(self):
        dynamodb = self.server.client("dynamodb")
        try:
            rows = dynamodb.scan(TableName=self.table, ConsistentRead=True)["Items"]
        except dynamodb.exceptions.ResourceNotFoundException:
            # The workers make the table when they begin.
            return {}
        return {row["leaseKey"]["S"]: row for row in rows}

    def owners(self):
        return collections.Counter(
            row.get("leaseOwner", {}).get("S") for row in self.leases().values() if row["checkpoint"]["S"] != "SHARD_END")

    def is_balanced(self, workers):
        owners = self.owners()
        return None not in owners and len(owners) == workers and max(owners.values()) - min(owners.values()) <= 1

    def lines(self):
        return [line for worker in self.workers for line in worker.lines()]

    def seen(self):
        return {line[:2] for line in self.lines()}


def share_faults(application, held):
    """A worker's lines of a shard run on without a gap, except where another worker had the shard meanwhile."""
    place = {(record.shard, record.number): at for records in held.values() for at, record in enumerate(records)}
    for worker in application.workers:
        elsewhere = {line[:2] for other in application.workers if other is not worker for line in other.lines()}
        due = {}
        for line in worker.lines():
            at = place.get(line[:2])
            if at is None:
                continue
            skipped = held[line.shard][due.get(line.shard, at):at]
            if any(record[:2] not in elsewhere for record in skipped):
                yield f"{line.shard}: record {at} came where {due[line.shard]} was due"
            due[line.shard] = at + 1


def judge(facts, application):
    name, held = application.mode, truth(application.kinesis, application.stream)
    lines = application.lines()
    data = [line for line in lines if line.number != "ended"]
    note = f"{len(data)} lines for {sum(map(len, held.values()))} records in {len(held)} shards, workers wrote "
    note += str([len(worker.lines()) for worker in application.workers])
    facts.say(f"{name}_workers_process_every_record", missing(held, data), note)
    facts.say(f"{name}_workers_process_nothing_else", strangers(held, data))
    facts.say(f"{name}_workers_process_each_shard_in_order", share_faults(application, held))
    family = parents(application.stream)
    wrong = []
    for worker in application.workers:
        wrong += family_faults(family, [line.shard for line in worker.lines()])
    facts.say(f"{name}_workers_process_parents_first", wrong)
    held_texts = {line.data.split("\n")[0] for records in held.values() for line in records}
    unsaid = [f"{key} {number}" for key, number in application.producer.acknowledged if f"{key} {number}" not in held_texts]
    facts.say(f"{name}_stream_holds_what_was_acknowledged", unsaid)
    leases = application.leases()
    closed = {shard["ShardId"] for shard in application.stream.shards() if "EndingSequenceNumber" in shard["SequenceNumberRange"]}
    ended = {shard for shard, row in leases.items() if row["checkpoint"]["S"] == "SHARD_END"}
    facts.say(f"{name}_leases_say_which_shards_are_done", [] if closed == ended else [f"{sorted(ended)}, not {sorted(closed)}"])


def live(facts, server, applications):
    begin = time.monotonic()
    note = lambda text: print(f"   {time.monotonic() - begin:4.0f} s: {text}", flush=True)

    def balance(fact, workers, seconds):
        for application in applications:
            try:
                wait_until(lambda: application.is_balanced(workers), seconds, 0.3)
                facts.say(f"{application.mode}_{fact}", [])
            except AssertionError:
                facts.say(f"{application.mode}_{fact}", [dict(application.owners())])

    def reshard(change):
        for application in applications:
            getattr(application.stream, change)(1)
        note(change)

    balance("workers_share_the_shards_evenly", 2, 60)
    reshard("split")
    time.sleep(4)
    for application in applications:
        application.workers[0].kill()
    note("killed a worker with SIGKILL")
    balance("a_killed_worker_is_replaced_by_the_other", 1, TAKEN_OVER_SECONDS * 3)
    for application in applications:
        application.workers.append(application.start())
    reshard("merge")
    balance("a_new_worker_gets_its_share", 2, 60)
    server.kill()
    time.sleep(FAIL_OVER_SECONDS * 2)
    server.start()
    note("killed the server with SIGKILL and started it again after twice the fail-over time")
    reshard("split")
    before = {application.mode: set(application.producer.acknowledged) for application in applications}
    for application in applications:
        identities = lambda: {(line.key, int(line.data.split()[1])) for line in application.lines() if line.number != "ended"}
        later = lambda: identities() & (set(application.producer.acknowledged) - before[application.mode])
        try:
            wait_until(later, 60, 0.3)
            facts.say(f"{application.mode}_workers_go_on_when_the_server_is_back", [])
        except AssertionError:
            facts.say(f"{application.mode}_workers_go_on_when_the_server_is_back", [dict(application.owners())])
    balance("the_shards_are_shared_evenly_again", 2, 60)
    server.kill()
    server.start()
    note("killed the server with SIGKILL and started it again at once")
    time.sleep(4)
    for application in applications:
        application.producer.stop()
    for application in applications:
        held = {line[:2] for records in truth(application.kinesis, application.stream).values() for line in records}
        try:
            wait_until(lambda: held <= application.seen(), 120, 1)
        except AssertionError:
            note(f"{application.mode} lacks {len(held - application.seen())} of {len(held)}")
        is_done = lambda: len(application.stream.shards()) == len(application.leases())
        wait_until(is_done, 30, 0.5)
    note("everything is read")
    for application in applications:
        codes = [worker.shut_down() for worker in application.workers[1:]]
        owners = application.owners()
        wrong = [] if not any(codes) and set(owners) == {None} else [f"exit codes {codes}, owners {dict(owners)}"]
        facts.say(f"{application.mode}_workers_that_are_shut_down_give_their_leases_up", wrong)


def kcl(facts, class_path, application):
    """AWS's own Kinesis Client Library, on the stream that the workers are done with: it gets what they got."""
    held = {line[:2] for records in truth(application.kinesis, application.stream).values() for line in records}
    endpoint, file = application.server.endpoint, application.server.folder / f"kcl-{application.mode}.txt"
    words = ["java", "-cp", class_path, "headwater.Worker", application.stream.name, f"{application.stream.name}-kcl"]
    with open(file.with_suffix(".log"), "w") as log:
        library = subprocess.Popen([*words, application.mode, endpoint, endpoint, str(file)], stdout=log, stderr=log)
    lines = lambda: [line.split(" ") for line in (file.read_text() if file.exists() else "").splitlines()]
    got = lambda: {(words[2], words[3]) for words in lines() if len(words) > 3 and words[1] == "record"}
    try:
        wait_until(lambda: held <= got(), 180, 1)
    except AssertionError:
        pass
    library.kill()
    library.wait()
    differing = got() ^ {line[:2] for line in application.lines() if line.number != "ended"}
    facts.say(f"{application.mode}_kcl_gets_the_same_records", differing, f"{len(got())} of {len(held)}")


def main(kcl_class_path=None):
    binary, consume_program, follow_program, worker_program = sys.argv[1:5]
    facts, server = Facts(), Server(binary)
    print(f"   everything is written to {server.folder}", flush=True)
    kinesis, applications = server.client(attempts=1), []
    try:
        consume(facts, consume_program, server, kinesis)
        for mode in ("polling", "fan-out"):
            starts(facts, follow_program, server, kinesis, mode)
            follow(facts, follow_program, server, kinesis, mode)
        for mode in ("polling", "fan-out"):
            applications.append(Application(worker_program, server, kinesis, mode))
        live(facts, server, applications)
        for application in applications:
            judge(facts, application)
            if kcl_class_path:
                kcl(facts, kcl_class_path, application)
    finally:
        for worker in (worker for application in applications for worker in application.workers):
            worker.kill()
        server.kill()
    facts.exit()


if __name__ == "__main__":
    main()
