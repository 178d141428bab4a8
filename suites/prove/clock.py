#!/usr/bin/env python3
"""A clock that jumps: an hour forth and back, ten years forth and back, while the server runs and while it is down. It goes
on; sequence numbers rise, times of arrival do not fall; within their retention all records are there, and all items are,
whatever the clock says. After ten years records are past their retention: that they go is what was asked for.

The clock is libfaketime's; monotonic time stays the machine's, as it does when a clock is set.

`clock.py BINARY DISK [--puts N] [--short] [--seed N]`.
"""
import base64
import datetime
import glob
import os
import subprocess
import sys
import time

import proof
from server import DYNAMODB, KEYED_BY_K, KINESIS, BROKEN, Client, Refusal

LIBRARIES = "/usr/lib/*/faketime/libfaketimeMT.so.1"
STREAM, TABLE, SHARD = "jumps", "items", "shardId-000000000000"
# So many seconds a run may take; far less than the clock is moved by.
LATE = 600
HOUR, YEARS = 3600, 10 * 365 * 24 * 3600
# Where the clock stands, less the machine's. Ten years on, everything is past its retention, and stays so.
WITHIN, BEYOND = (0, HOUR, 0, -HOUR, -YEARS, 0, -HOUR, HOUR), (YEARS, 0, YEARS, -YEARS, 0)


class Place(proof.Place):
    """A server with a clock of ours."""

    def __init__(self, binary, library):
        super().__init__(binary)
        self.hand = self.aside / "clock"
        os.environ.update(LD_PRELOAD=library, FAKETIME_TIMESTAMP_FILE=str(self.hand), FAKETIME_NO_CACHE="1",
                          FAKETIME_DONT_FAKE_MONOTONIC="1")
        self.environment = {name: os.environ.pop(name) for name in
                            ("LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE", "FAKETIME_NO_CACHE", "FAKETIME_DONT_FAKE_MONOTONIC")}
        self.stand(0)

    def stand(self, seconds):
        """Sets the clock so far from the machine's."""
        draft = self.hand.with_suffix(".new")
        draft.write_text(f"{seconds:+d}s\n")
        draft.rename(self.hand)

    def kill(self):
        super().kill()
        for left in glob.glob(f"/dev/shm/*faketime_*_{self.process.pid}"):  # of the library
            os.remove(left)

    def command(self):
        return ["env", *(f"{name}={value}" for name, value in self.environment.items()), *super().command()]


def records(client):
    at = client.call("GetShardIterator", StreamName=STREAM, ShardId=SHARD, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    while True:
        page = client.call("GetRecords", ShardIterator=at)
        yield from page["Records"]
        if not page["Records"] and page["MillisBehindLatest"] == 0:
            return
        at = page["NextShardIterator"]


class Course:
    """What was put so far, and what must be true of it."""

    def __init__(self, server, puts, verdict):
        self.server, self.puts, self.verdict = server, puts, verdict
        self.records, self.items, self.last, self.number, self.most = {}, set(), 0, 0, 0

    def put(self, where):
        kinesis, dynamodb = Client(self.server.port, KINESIS), Client(self.server.port, DYNAMODB)
        for _ in range(self.puts):
            self.number += 1
            data = base64.b64encode(str(self.number).encode()).decode()
            place = int(kinesis.call("PutRecord", StreamName=STREAM, PartitionKey="k", Data=data)["SequenceNumber"])
            self.verdict.expect(place > self.last, f"{where}: sequence number {place} after {self.last}")
            self.last, self.records[place] = place, data
            dynamodb.call("PutItem", TableName=TABLE, Item={"k": {"S": str(self.number)}})
            self.items.add(str(self.number))

    def look(self, where, keeps_records):
        kinesis, dynamodb = Client(self.server.port, KINESIS), Client(self.server.port, DYNAMODB)
        found, last_time = {}, 0
        for record in records(kinesis):
            found[int(record["SequenceNumber"])] = record["Data"]
            arrived = record["ApproximateArrivalTimestamp"]
            self.verdict.expect(arrived >= last_time, f"{where}: a record of {arrived} after one of {last_time}")
            last_time = arrived
        off = last_time - time.time() - self.most
        self.verdict.expect(abs(off) < LATE, f"{where}: the newest record is {off:.0f} s off the furthest the clock stood")
        wrong = [place for place, data in found.items() if self.records[place] != data]
        self.verdict.expect(not wrong, f"{where}: other records than were put: {wrong[:3]}")
        if keeps_records:
            self.verdict.expect(found == self.records, f"{where}: {len(self.records) - len(found)} records are missing")
        items, more = set(), {}
        while True:
            page = dynamodb.call("Scan", TableName=TABLE, **more)
            items |= {item["k"]["S"] for item in page["Items"]}
            if "LastEvaluatedKey" not in page:
                break
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        self.verdict.expect(items == self.items, f"{where}: {len(self.items - items)} items are missing")

    def jump(self, seconds, keeps_records, is_down):
        where = f"{datetime.timedelta(seconds=abs(seconds))} {'behind' if seconds < 0 else 'ahead'}, {is_down=}"
        if is_down:
            self.server.kill()
        self.server.stand(seconds)
        self.most = max(self.most, seconds)
        if is_down and not self.verdict.expect(self.server.starts(), f"{where}: {self.server.last_words()[-500:]}"):
            return False
        try:
            self.put(where)
            self.look(where, keeps_records)
            return True
        except BROKEN + (Refusal,) as why:
            return self.verdict.expect(False, f"{where}: {why!r} {self.server.last_words()[-500:]}")


def library():
    found = glob.glob(LIBRARIES)
    if not found:
        for install in ("apt-get update -qq", "apt-get install -y -qq --no-install-recommends libfaketime"):
            subprocess.run(install.split(), check=False)
        found = glob.glob(LIBRARIES)
    return found[0] if found else sys.exit("the clock is moved by libfaketime: install it")


def main():
    options = proof.arguments(__doc__, puts=(200, 5))
    verdict = proof.Verdict("clock")
    server, jumps = Place(options.binary, library()), 0
    try:
        server.start()
        Client(server.port).call("CreateStream", StreamName=STREAM, ShardCount=1)
        Client(server.port, DYNAMODB).call("CreateTable", TableName=TABLE, **KEYED_BY_K)
        course = Course(server, options.puts, verdict)
        for keeps_records, hands in ((True, WITHIN), (False, BEYOND)):
            for seconds in hands:
                jumps += 2
                if not (course.jump(seconds, keeps_records, False) and course.jump(seconds, keeps_records, True)):
                    break
    finally:
        server.close()
    verdict.say(f"{jumps} settings of the clock, half of them with the server down: {len(course.records)} records and "
                f"{len(course.items)} items acknowledged; seed {options.seed}")


if __name__ == "__main__":
    main()
