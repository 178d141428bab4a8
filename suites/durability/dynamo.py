#!/usr/bin/env python3
"""DynamoDB under load, kill -9, restart on the same folder, again and again. After each restart: no acknowledged write
is lost, no update was lost to another, transfers between accounts kept their total, every row of an index is its item
and every item has its rows, and the stream replayed is the table.

`dynamo.py SERVER_BINARY [--rounds N] [--seed N]`. Some rounds damage the folder of the rows as well: it is lost, older
than the log or unreadable, or its journal is torn as by a power failure. The server then catches up from its log, or
refuses to start with a sentence that says what to do. Other rounds write so much that the log is trimmed.
"""
import argparse
import collections
import itertools
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

from server import BROKEN, DYNAMODB, STREAMS, Client, Refusal, Server

WRITERS = 16
LOAD_SECONDS = (0.05, 0.7)
# Long enough to log what makes the server trim its log.
HEAVY_SECONDS = 4
HEAVY_BYTES = 300_000
ACCOUNTS, OPENING = 8, 1000
COUNTERS, REGISTERS = 4, 3
PAGE = 4096
# A start without rows, or with rows older than the log begins, is refused with these words.
ADVICE = "restore both from the same time"
REFUSED = {"ConditionalCheckFailedException", "TransactionCanceledException", "TransactionConflictException"}


def s(text):
    return {"S": str(text)}


def n(number):
    return {"N": str(number)}


class Known:
    """What the clients know: what was acknowledged, and what may or may not have been done."""

    def __init__(self):
        self.lock = threading.Lock()
        self.faults = []
        self.acknowledged = 0
        self.kills = []
        self.counted = collections.defaultdict(set)  # counter → values that were answered
        self.uncounted = collections.Counter()  # counter → additions without an answer
        self.transfers, self.open_transfers = {}, {}  # number → (from, to, amount)
        self.held = {}  # (register, version) → who was told to have written it
        self.history = collections.defaultdict(list)  # register → (begin, end, version seen or written, whether written)
        self.things = {}  # key → the item as acknowledged, None if deleted
        self.open_things = {}  # key → what the write without an answer would make of it
        self.replayed, self.last_sequence = {}, {}

    def fault(self, sentence):
        self.faults.append(sentence)


class Writer(threading.Thread):
    """Writes until the connection breaks."""

    numbers = itertools.count()

    def __init__(self, name, port, rng, known, heavy):
        super().__init__(daemon=True)
        self.client, self.rng, self.known, self.own, self.heavy = Client(port, DYNAMODB), rng, known, name, heavy

    def run(self):
        writes = [self.count, self.transfer, self.swap, self.thing, self.thing, self.thing]
        try:
            while True:
                (self.bulk if self.heavy and self.rng.random() < 0.5 else self.rng.choice(writes))()
                self.known.acknowledged += 1
        except BROKEN:
            pass  # the server was killed
        except Refusal as refusal:
            self.known.fault(str(refusal))

    def attempt(self, operation, **request):
        """The answer; `None` if a condition did not hold."""
        try:
            return self.client.call(operation, **request)
        except Refusal as refusal:
            if refusal.code in REFUSED:
                return None
            raise

    def count(self):
        counter = self.rng.randrange(COUNTERS)
        with self.known.lock:
            self.known.uncounted[counter] += 1
        reply = self.client.call(
            "UpdateItem", TableName="counters", Key={"k": n(counter)}, UpdateExpression="ADD c :one",
            ExpressionAttributeValues={":one": n(1)}, ReturnValues="UPDATED_NEW")
        value = int(reply["Attributes"]["c"]["N"])
        with self.known.lock:
            self.known.uncounted[counter] -= 1
            if value in self.known.counted[counter]:
                self.known.fault(f"counter {counter} was {value} twice")
            self.known.counted[counter].add(value)

    def transfer(self):
        payer, payee = self.rng.sample(range(ACCOUNTS), 2)
        amount, number = self.rng.randint(1, 400), next(self.numbers)
        self.known.open_transfers[number] = (payer, payee, amount)
        entry = {"k": n(number), "payer": n(payer), "payee": n(payee), "amount": n(amount)}
        move = {":a": n(amount)}
        done = self.attempt("TransactWriteItems", TransactItems=[
            {"Update": {"TableName": "accounts", "Key": {"k": n(payer)}, "UpdateExpression": "SET b = b - :a",
                        "ConditionExpression": "b >= :a", "ExpressionAttributeValues": move}},
            {"Update": {"TableName": "accounts", "Key": {"k": n(payee)}, "UpdateExpression": "SET b = b + :a",
                        "ExpressionAttributeValues": move}},
            {"Put": {"TableName": "transfers", "Item": entry, "ConditionExpression": "attribute_not_exists(k)"}},
        ])
        transfer = self.known.open_transfers.pop(number)
        if done is not None:
            self.known.transfers[number] = transfer

    def swap(self):
        register, mine = self.rng.randrange(REGISTERS), f"{self.own}-{next(self.numbers)}"
        key = {"k": n(register)}
        history, begin = self.known.history[register], time.monotonic()
        held = self.client.call("GetItem", TableName="registers", Key=key, ConsistentRead=True)["Item"]
        version, read = int(held["v"]["N"]), time.monotonic()
        history.append((begin, read, version, False))
        done = self.attempt(
            "UpdateItem", TableName="registers", Key=key, UpdateExpression="SET v = :new, who = :who",
            ConditionExpression="v = :old",
            ExpressionAttributeValues={":new": n(version + 1), ":old": n(version), ":who": s(mine)})
        # Who is refused was told of this version or any newer one: a bound for later calls, not for itself.
        history.append((read if done is not None else 0, time.monotonic(), version + 1, done is not None))
        if done is None:
            return
        with self.known.lock:
            other = self.known.held.setdefault((register, version + 1), mine)
            if other != mine:
                self.known.fault(f"version {version + 1} of register {register} is both {other}'s and {mine}'s")

    def thing(self):
        """Puts, changes or deletes one of this writer's own items."""
        key = (self.own, self.rng.randrange(12))
        before, keys = self.known.things.get(key), {"p": s(key[0]), "q": n(key[1])}
        shape = self.rng.random()
        if shape < 0.25:
            after, words = None, ("DeleteItem", {"Key": keys})
        elif shape < 0.5 and before is not None:
            # The group stays, so that a row of the index is replaced in its place.
            after = before | {"note": s(next(self.numbers))}
            words = ("UpdateItem", {"Key": keys, "UpdateExpression": "SET note = :note",
                                    "ExpressionAttributeValues": {":note": after["note"]}})
        else:
            after = keys | {"note": s(next(self.numbers)), "pad": s("x" * self.rng.choice((1, 100, 3000)))}
            if self.rng.random() < 0.7:  # the others are not in the indexes
                after |= {"g": s(f"group-{self.rng.randrange(5)}"), "rank": n(self.rng.randrange(100))}
            words = ("PutItem", {"Item": after})
        condition = "attribute_not_exists(p)" if before is None else "note = :note_before"
        values = words[1].get("ExpressionAttributeValues", {})
        if before is not None:
            values = values | {":note_before": before["note"]}
        words[1].update({"ConditionExpression": condition} | ({"ExpressionAttributeValues": values} if values else {}))
        self.known.open_things[key] = after
        if self.attempt(words[0], TableName="things", **words[1]) is None:
            self.known.fault(f"{key} is not as it was acknowledged: {before}")
        self.known.things[key] = self.known.open_things.pop(key)

    def bulk(self):
        item = {"k": n(self.rng.randrange(50)), "pad": s("y" * HEAVY_BYTES)}
        self.client.call("PutItem", TableName="bulk", Item=item)


def create(client):
    """The tables, as they are before the first round."""
    def table(name, keys, **more):
        names = {part for keys_of in [keys, *more.pop("others", [])] for part in keys_of}
        client.call(
            "CreateTable", TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=schema(keys),
            AttributeDefinitions=[{"AttributeName": part, "AttributeType": "S" if part in "pg" else "N"}
                                  for part in sorted(names)], **more)

    def schema(keys):
        return [{"AttributeName": part, "KeyType": kind} for part, kind in zip(keys, ("HASH", "RANGE"))]

    def index(name, keys):
        return {"IndexName": name, "KeySchema": schema(keys), "Projection": {"ProjectionType": "ALL"}}

    for name in ("counters", "accounts", "transfers", "registers", "bulk"):
        table(name, ["k"])
    table("things", ["p", "q"], others=[["g", "rank"]],
          GlobalSecondaryIndexes=[index("by-group", ["g", "rank"])], LocalSecondaryIndexes=[index("by-rank", ["p", "rank"])],
          StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    for account in range(ACCOUNTS):
        client.call("PutItem", TableName="accounts", Item={"k": n(account), "b": n(OPENING)})
    for register in range(REGISTERS):
        client.call("PutItem", TableName="registers", Item={"k": n(register), "v": n(0)})


def scan(client, table, **more):
    """All items of a table or of an index."""
    while True:
        page = client.call("Scan", TableName=table, **more)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        more["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def number(item, name):
    return int(item[name]["N"])


def check(client, streams, known):
    """Notes everything that is wrong with what can be read; from then on that is what is known."""
    counts = {number(item, "k"): number(item, "c") for item in scan(client, "counters", ConsistentRead=True)}
    for counter, values in known.counted.items():
        most = len(values) + known.uncounted[counter]
        if not max(values, default=0) <= counts.get(counter, 0) <= most or len(values) > counts.get(counter, 0):
            known.fault(f"counter {counter} is {counts.get(counter)}; acknowledged {len(values)}, at most {most}")
    check_transfers(client, known)
    check_history(known)
    for item in scan(client, "registers", ConsistentRead=True):
        register, version = number(item, "k"), number(item, "v")
        newest = max((told for held, told in known.held if held == register), default=0)
        who = known.held.get((register, version))
        if version < newest or (who is not None and who != item["who"]["S"]):
            known.fault(f"register {register} is {item}; {newest} was acknowledged, {who} was told of {version}")
    check_things(client, streams, known)


def check_history(known):
    """Versions are written once and one after the other; so the history is linearizable if whatever began after another
    call's end saw its version or a newer one, and wrote a newer one."""
    for register, calls in known.history.items():
        ended, newest = sorted(calls, key=lambda call: call[1]), (0, 0, 0, False)
        ended.reverse()
        for begin, end, version, is_write in sorted(calls):
            while ended and ended[-1][1] < begin:
                newest = max(newest, ended.pop(), key=lambda call: call[2])
            if version < newest[2] + is_write:
                known.fault(f"register {register}: {(begin, end, version, is_write)} after {newest}; "
                            f"killed at {known.kills[-2:]}")


def check_transfers(client, known):
    found = {number(item, "k"): tuple(number(item, name) for name in ("payer", "payee", "amount"))
             for item in scan(client, "transfers", ConsistentRead=True)}
    balances = dict.fromkeys(range(ACCOUNTS), OPENING)
    for payer, payee, amount in found.values():
        balances[payer] -= amount
        balances[payee] += amount
    held = {number(item, "k"): number(item, "b") for item in scan(client, "accounts", ConsistentRead=True)}
    if held != balances:
        known.fault(f"accounts are {held}, by their transfers {balances}")
    for name, transfer in known.transfers.items():
        if found.get(name) != transfer:
            known.fault(f"transfer {name} {transfer} was acknowledged and is {found.get(name)}")
    for name in found.keys() - known.transfers.keys() - known.open_transfers.keys():
        known.fault(f"transfer {name} was refused and is there")
    known.transfers, known.open_transfers = found, {}


def check_things(client, streams, known):
    def by_key(items):
        listed = [((item["p"]["S"], number(item, "q")), item) for item in items]
        if len(listed) != len(dict(listed)):
            known.fault("an item stands twice in a table or index")
        return dict(listed)

    things = by_key(scan(client, "things", ConsistentRead=True))
    for key in known.things.keys() | known.open_things.keys() | things.keys():
        allowed = [known.things.get(key)] + [known.open_things[at] for at in (key,) if at in known.open_things]
        if things.get(key) not in allowed:
            known.fault(f"{key} is {things.get(key)}, not one of {allowed}")
    known.things, known.open_things = dict(things), {}
    for index, has_row in (("by-group", lambda item: "g" in item), ("by-rank", lambda item: "rank" in item)):
        expected = {key: item for key, item in things.items() if has_row(item)}
        if by_key(scan(client, "things", IndexName=index)) != expected:
            known.fault(f"the rows of {index} are not those of the items")
    replay(client, streams, known)
    if known.replayed != things:
        wrong = [key for key in things.keys() | known.replayed.keys() if things.get(key) != known.replayed.get(key)]
        known.fault(f"the stream replayed differs from the table at {wrong[:5]}")


def replay(client, streams, known):
    """Carries the items as the stream tells them on by what is new in it."""
    arn = client.call("DescribeTable", TableName="things")["Table"]["LatestStreamArn"]
    for shard in streams.call("DescribeStream", StreamArn=arn)["StreamDescription"]["Shards"]:
        shard, last = shard["ShardId"], known.last_sequence.get(shard["ShardId"])
        place = {"ShardIteratorType": "TRIM_HORIZON"} if last is None else {
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last}
        at = streams.call("GetShardIterator", StreamArn=arn, ShardId=shard, **place)["ShardIterator"]
        while at:
            page = streams.call("GetRecords", ShardIterator=at)
            for record in page["Records"]:
                change = record["dynamodb"]
                sequence = change["SequenceNumber"]
                if last is not None and int(sequence) <= int(last):
                    known.fault(f"sequence number {sequence} stands behind {last}")
                last = sequence
                key = (change["Keys"]["p"]["S"], number(change["Keys"], "q"))
                if change.get("OldImage") != known.replayed.get(key):
                    known.fault(f"record {sequence} replaces {change.get('OldImage')}, not {known.replayed.get(key)}")
                kind = {(False, True): "INSERT", (True, True): "MODIFY", (True, False): "REMOVE"}
                if kind.get(("OldImage" in change, "NewImage" in change)) != record["eventName"]:
                    known.fault(f"record {sequence} is a {record['eventName']}")
                known.replayed.pop(key, None)
                if "NewImage" in change:
                    known.replayed[key] = change["NewImage"]
            at = page.get("NextShardIterator") if page["Records"] else None
        known.last_sequence[shard] = last


class Damage:
    """What can happen to the folder of the rows while the server is down. Each returns what it did; the folder as it was
    is kept aside."""

    def __init__(self, server, rng):
        self.rng, self.rows = rng, server.data / "rows"
        self.aside, self.older = server.folder / "rows-aside", server.folder / "rows-older"

    def lost(self):
        shutil.rmtree(self.rows)
        return "no rows"

    def outdated(self):
        if not self.older.exists():
            return self.lost()
        shutil.rmtree(self.rows)
        shutil.copytree(self.older, self.rows)
        return "older rows"

    def torn(self):
        journal = max(self.rows.glob("*.jnl"), key=lambda path: path.stat().st_mtime)
        size = journal.stat().st_size
        data = journal.read_bytes().rstrip(b"\0")
        gone = self.rng.randint(1, min(len(data), 5000))
        kept = data[: len(data) - gone]
        what = self.rng.choice(("cut", "zeroed", "garbled", "holed"))
        if what == "holed":  # a page that was not written, behind it others that were
            page = self.rng.randrange(max(0, len(data) - 500_000), len(data)) // PAGE * PAGE
            hole = data[:page] + bytes(PAGE) + data[page + PAGE:]
            journal.write_bytes(hole + bytes(max(0, size - len(hole))))
            return f"the page at {page} of {journal.name} missing"
        if what == "zeroed":
            kept += bytes(size - len(kept))
        if what == "garbled":
            kept += self.rng.randbytes(gone) + bytes(size - len(data))
        journal.write_bytes(kept)
        return f"the last {gone} bytes of {journal.name} {what}"

    def unreadable(self):
        (self.rows / "version").write_bytes(b"")
        return "rows of no version"

    def do(self):
        shutil.rmtree(self.aside, ignore_errors=True)
        shutil.copytree(self.rows, self.aside)
        return self.rng.choice((self.lost, self.outdated, self.unreadable, self.torn, self.torn))()

    def undo(self):
        shutil.rmtree(self.rows, ignore_errors=True)
        shutil.copytree(self.aside, self.rows)

    def remember(self):
        shutil.rmtree(self.older, ignore_errors=True)
        shutil.copytree(self.rows, self.older)


def restart(server, damage, known, rng, tally):
    """Starts the server, sometimes upon damaged rows."""
    if rng.random() < 0.5:
        done = damage.do()
        if server.starts():
            tally["caught up"] += 1
            return done + ": caught up"
        if ADVICE not in server.last_words():
            known.fault(f"{done}: {server.last_words()[-400:]}")
        damage.undo()
        tally["refused"] += 1
        server.start()
        return done + ": refused"
    if rng.random() < 0.3:
        damage.remember()
    server.start()
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    options = parser.parse_args()
    rng, known, tally = random.Random(options.seed), Known(), collections.Counter()
    print(f"seed {options.seed}, {options.rounds} rounds")
    with tempfile.TemporaryDirectory(prefix="headwater-dynamo-") as folder:
        server = Server(os.path.abspath(options.binary), pathlib.Path(folder))
        server.start()
        damage = Damage(server, rng)
        create(Client(server.port, DYNAMODB))
        for round_number in range(1, options.rounds + 1):
            heavy = round_number % 10 == 9
            writers = [Writer(f"w{place}", server.port, random.Random(rng.random()), known, heavy)
                       for place in range(WRITERS)]
            for writer in writers:
                writer.start()
            time.sleep(HEAVY_SECONDS if heavy else rng.uniform(*LOAD_SECONDS))
            server.kill()
            known.kills.append(time.monotonic())
            for writer in writers:
                writer.join()
            begin = time.monotonic()
            said = restart(server, damage, known, rng, tally)
            took = (time.monotonic() - begin) * 1000
            check(Client(server.port, DYNAMODB), Client(server.port, STREAMS), known)
            print(f"round {round_number}: {known.acknowledged} acknowledged, restart {took:.0f} ms {said}", flush=True)
            if known.faults:
                break
        # Once more from the beginning, all of it.
        known.replayed, known.last_sequence = {}, {}
        check(Client(server.port, DYNAMODB), Client(server.port, STREAMS), known)
        server.kill()
    for sentence in known.faults[:20]:
        print("FAILED", sentence)
    print(f"{options.rounds} rounds, {known.acknowledged} writes acknowledged, damaged rows "
          f"{tally['caught up']} times caught up and {tally['refused']} times refused, {len(known.faults)} faults")
    sys.exit(1 if known.faults else 0)


if __name__ == "__main__":
    main()
