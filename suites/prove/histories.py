#!/usr/bin/env python3
"""Tables are linearizable on disk, over kills: registers – items, and pairs of items that transactions write and read – are
written on condition and read strongly by several clients at once, the server is killed and started again, and a search
finds one order of all that clients saw of a register in which each did what it was told (`suites/go/linear`). First the
search is shown to find what is wrong.

`histories.py BINARY DISK LINEAR [--registers N] [--short] [--seed N]`.
"""
import pathlib
import random
import tempfile
import threading
import time

import proof
from registers import History, Register, put, shown
from server import BROKEN, DYNAMODB, KEYED_BY_K, Client, Refusal

TABLE, CLIENTS = "registers", 8
# So many registers at a time, over so many lives of the server, which last so many seconds each.
TOGETHER, LIVES, LIFE_SECONDS = 10, 4, (0.1, 0.6)
# While nobody answers.
REST_SECONDS = 0.005


class Updated(Register):
    """One item, written by updates."""

    def write(self, call, version, by):
        asked = put(self.table, self.key, version, by)
        values = asked["ExpressionAttributeValues"] | {":next": {"N": str(version + 1)}, ":by": {"S": by}}
        call("UpdateItem", TableName=self.table, Key={"k": {"S": self.key}}, UpdateExpression="SET n = :next, #by = :by",
             ConditionExpression=asked["ConditionExpression"], ExpressionAttributeNames={"#by": "by"},
             ExpressionAttributeValues=values)


class Stated(Register):
    """One item, read by statements."""

    def read(self, call):
        reply = call("ExecuteStatement", Statement=f'SELECT * FROM "{self.table}" WHERE k = ?', Parameters=[{"S": self.key}],
                     ConsistentRead=True)
        return shown(next(iter(reply["Items"]), {}))


class Pair(Register):
    """Two items that transactions keep the same. A reader who sees them apart says so by a version that nobody writes."""

    def halves(self):
        return f"{self.key}-one", f"{self.key}-other"

    def read(self, call):
        gets = [{"Get": {"TableName": self.table, "Key": {"k": {"S": half}}}} for half in self.halves()]
        one, other = (shown(reply.get("Item", {})) for reply in call("TransactGetItems", TransactItems=gets)["Responses"])
        return one if one == other else (-1, f"{one} and {other}")

    def write(self, call, version, by):
        call("TransactWriteItems", TransactItems=[{"Put": put(self.table, half, version, by)} for half in self.halves()])


KINDS = (Register, Updated, Stated, Pair)


class Changer(threading.Thread):
    """Swaps registers until it is told to stop; a server that is gone is waited for."""

    def __init__(self, name, port, rng, history, registers, wrong, stop):
        super().__init__(daemon=True)
        self.name, self.port, self.rng, self.wrong, self.stop = name, port, rng, wrong, stop
        self.history, self.registers = history, registers

    def run(self):
        client, number = None, 0
        while not self.stop.is_set():
            number += 1
            try:
                client = client or Client(self.port, DYNAMODB)
                register = self.rng.choice(self.registers)
                if self.rng.random() < 0.3:
                    self.history.seen(client.call, register, self.name)
                else:
                    self.history.swapped(client.call, register, self.name, f"{self.name}-{number}")
            except BROKEN:
                client = None
                time.sleep(REST_SECONDS)
            except Refusal as refusal:
                self.wrong.append(str(refusal))


def generation(number, server, rng, history, verdict):
    """Some registers from their first write to their last read, over some lives of the server; how often it was killed."""
    registers = [rng.choice(KINDS)(TABLE, f"{number}-{place}") for place in range(TOGETHER)]
    wrong, stop = [], threading.Event()
    changers = [Changer(f"c{client}", server.port, random.Random(rng.random()), history, registers, wrong, stop)
                for client in range(CLIENTS)]
    for changer in changers:
        changer.start()
    for _ in range(LIVES):
        time.sleep(rng.uniform(*LIFE_SECONDS))
        server.kill()
        server.start()
    stop.set()
    for changer in changers:
        changer.join()
    last = Client(server.port, DYNAMODB)
    for register in registers:
        history.seen(last.call, register, "last")
    for sentence in wrong:
        verdict.expect(False, sentence)
    return LIVES


def is_found(program, folder, rng, history):
    """Whether a search finds that a register's last read shows what its last write had replaced."""
    done = {(step["Key"], step["Version"]): step["By"] for step in history.steps
            if step.get("Write") and step["Outcome"] == "done"}
    reads = [(step, step["Key"], step["Version"]) for step in history.steps if step["Client"] == "last"]
    last, key, version = rng.choice([read for read in reads if {read[1:], (read[1], read[2] - 1)} <= done.keys()])
    planted = History()
    planted.steps = [step for step in history.steps if step["Key"] == key and step is not last]
    planted.steps.append(last | {"Version": version - 1, "By": done[key, version - 1]})
    return bool(planted.check(program, folder)[0])


def main():
    options = proof.arguments(__doc__, ["linear"], registers=(1000, 20))
    verdict, rng, history = proof.Verdict("histories"), random.Random(options.seed), History()
    server, kills = proof.Place(options.binary), 0
    folder = tempfile.TemporaryDirectory(prefix="headwater-histories-")
    try:
        server.start()
        Client(server.port, DYNAMODB).call("CreateTable", TableName=TABLE, **KEYED_BY_K)
        for number in range(-(-options.registers // TOGETHER)):
            kills += generation(number, server, rng, history, verdict)
            if number % 10 == 9:
                print(f"{(number + 1) * TOGETHER} registers, {len(history.steps)} steps, {kills} kills", flush=True)
        verdict.expect(is_found(options.linear, pathlib.Path(folder.name), rng, history), "a planted read is not found")
        wrong, told = history.check(options.linear, pathlib.Path(folder.name))
        for sentence in wrong:
            verdict.expect(False, sentence)
    finally:
        server.close()
        folder.cleanup()
    unknown = sum(step["Outcome"] == "unknown" for step in history.steps)
    verdict.say(f"{told}; {history.writes()} writes, {unknown} of them without an answer, {kills} kills; seed {options.seed}")


if __name__ == "__main__":
    main()
