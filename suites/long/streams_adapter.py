"""The DynamoDB Streams Kinesis Adapter, unmodified: `streams_adapter.py BINARY ADAPTER_CLASSPATH`.

Leases and stream are in one server. Items are put, updated and deleted while the stream's shards roll; the server is
killed and started again. In the end the consumer must have seen each item's changes, all and in their order.
"""
import collections
import contextlib
import subprocess
import sys
import threading
import time

from server import Server, Verdict, fresh, wait_until

QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
SHARD_MS = 45_000
ITEMS = 20
SECONDS = 40


class Writer(threading.Thread):
    """Numbers put into items in turn, each item deleted after every tenth; a write is repeated until it is acknowledged."""

    def __init__(self, dynamodb, table):
        super().__init__(daemon=True)
        self.dynamodb, self.table, self.running = dynamodb, table, True
        self.written = collections.defaultdict(list)

    def run(self):
        number = 0
        while self.running:
            number += 1
            name = f"item{number % ITEMS}"
            if number // ITEMS % 10 == 9:
                self.insist(self.dynamodb.delete_item, Key={"id": {"S": name}})
                self.written[name].append("-")
            else:
                self.insist(self.dynamodb.put_item, Item={"id": {"S": name}, "number": {"N": str(number)}})
                self.written[name].append(str(number))
            time.sleep(0.01)

    def insist(self, call, **what):
        while True:
            with contextlib.suppress(Exception):  # whatever a client meets while the server is away
                call(TableName=self.table, **what)
                return
            time.sleep(0.1)


def lines(file, what):
    """What the consumer wrote down of one kind: shard and the rest of each whole line."""
    text = file.read_text() if file.exists() else ""
    for line in text[: text.rfind("\n") + 1].splitlines():
        kind, shard, rest = (line + "  ").split(" ", 2)
        if kind == what:
            yield shard, rest.strip()


def seen(file):
    """Each item's changes in the order they came; what came again after a restart counts once."""
    found = collections.defaultdict(list)
    for _, rest in lines(file, "record"):
        event, name, number = rest.split()
        assert (event == "REMOVE") == (number == "-"), rest
        found[name].append(number)
    return found


def faults(written, found):
    for name, changes in written.items():
        numbers = [int(number) for number in found[name] if number != "-"]
        missing = {int(number) for number in changes if number != "-"} - set(numbers)
        if missing:
            yield f"{len(missing)} changes of {name} were lost"
        if list(dict.fromkeys(numbers)) != sorted(set(numbers)):
            yield f"the changes of {name} came out of order"
        if found[name].count("-") < changes.count("-"):
            yield f"removals of {name} were lost"


def main():
    server, verdict = Server(sys.argv[1], "--stream-shard-ms", str(SHARD_MS)), Verdict()
    dynamodb, table = server.client("dynamodb"), fresh("adapter")
    made = dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    arn, file = made["TableDescription"]["LatestStreamArn"], server.folder / "consumer.txt"
    writer = Writer(dynamodb, table)
    writer.start()
    words = ["java", "-XX:+UseSerialGC", "-Xmx300m", QUIET, "-cp", sys.argv[2], "headwater.Consumer"]
    with open(server.folder / "consumer.log", "w") as log:
        consumer = subprocess.Popen([*words, server.endpoint, arn, f"{table}-app", str(file)], stdout=log, stderr=log)
    begin = time.monotonic()
    try:
        wait_until(lambda: any(lines(file, "record")), 180, 1)
        print(f"   the first records came after {time.monotonic() - begin:.0f} s", flush=True)
        time.sleep(SECONDS / 2)
        server.kill()
        time.sleep(2)
        server.start()
        time.sleep(SECONDS / 2)
        writer.running = False
        writer.join()
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not any(faults(writer.written, seen(file))), 400, 1)
        found = seen(file)
        written = sum(map(len, writer.written.values()))
        note = f"{written} changes, {sum(map(len, found.values()))} records, {len(set(lines(file, 'ended')))} shards ended"
        verdict.say("the_adapter_sees_every_change_in_order", faults(writer.written, found), note)
        verdict.say("shards_roll", [] if len(set(lines(file, "ended"))) >= 2 else ["fewer than 2 shards ended"])
    finally:
        consumer.kill()
        server.kill()
    verdict.exit()


if __name__ == "__main__":
    main()
