#!/usr/bin/env python3
"""A folder that is much larger than the memory the server may have: filled, the server killed, started, read from end to
end. It answers soon after the start, two seconds for 10 GB, and its memory stays below 512 MiB all the time. Who may make
control groups gives it no more than that, what the system keeps of its files included.

`size.py BINARY DISK [--megabytes N] [--short]`
"""
import base64
import http.client
import json
import os
import pathlib
import threading
import time

import proof
from server import HEADERS, KINESIS, Client

STREAM, SHARDS, RECORD_BYTES, BATCH = "large", 8, 40_000, 100
MOST_BYTES, READY_SECONDS, READY_BYTES = 512 << 20, 2, 10 << 30


class Group:
    """A control group of so much memory, of either version; none where none can be made."""

    KINDS = (("memory", "memory.limit_in_bytes"), (".", "memory.max"))

    def __init__(self):
        self.folder = None
        for place, limit in self.KINDS:
            folder = pathlib.Path("/sys/fs/cgroup", place, f"headwater-{os.getpid()}")
            try:
                folder.mkdir()
                self.folder = folder
                (folder / limit).write_text(str(MOST_BYTES))
                return
            except OSError:
                self.close()

    def close(self):
        if self.folder is not None:
            self.folder.rmdir()
            self.folder = None


class Confined(proof.Place):
    """A server in a control group."""

    def __init__(self, binary, group):
        super().__init__(binary)
        self.group = group

    def command(self):
        if self.group.folder is None:
            return super().command()
        join = f"echo $$ > {self.group.folder}/cgroup.procs && exec \"$@\""
        return ["sh", "-c", join, "sh", *super().command()]


class Watch(threading.Thread):
    """The most memory the server has had."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.most, self.stop = server, 0, threading.Event()

    def run(self):
        while not self.stop.wait(0.05):
            self.most = max(self.most, self.server.memory_bytes())

    def end(self):
        self.stop.set()
        self.join()
        return self.most


def fill(port, megabytes):
    """Puts so much; each record says which it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    named = HEADERS[KINESIS] | {"X-Amz-Target": KINESIS + "PutRecords"}
    filler = base64.b64encode(os.urandom(RECORD_BYTES)).decode()
    for number in range(0, (megabytes << 20) // RECORD_BYTES, BATCH):
        records = ",".join('{"PartitionKey":"%d","Data":"%s"}' % (at, filler) for at in range(number, number + BATCH))
        connection.request("POST", "/", '{"StreamName":"%s","Records":[%s]}' % (STREAM, records), named)
        reply = connection.getresponse()
        body = reply.read()
        assert reply.status == 200 and json.loads(body)["FailedRecordCount"] == 0, body[:300]
    return number + BATCH


def read(port):
    """The keys of all records."""
    client, keys = Client(port), set()
    for shard in range(SHARDS):
        at = client.call("GetShardIterator", StreamName=STREAM, ShardId=f"shardId-{shard:012}",
                         ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while True:
            page = client.call("GetRecords", ShardIterator=at)
            keys.update(record["PartitionKey"] for record in page["Records"])
            if not page["Records"] and page["MillisBehindLatest"] == 0:
                break
            at = page["NextShardIterator"]
    return keys


def main():
    options = proof.arguments(__doc__, megabytes=(4096, 64))
    verdict, group = proof.Verdict("size"), Group()
    server = Confined(options.binary, group)
    try:
        server.start()
        Client(server.port).call("CreateStream", StreamName=STREAM, ShardCount=SHARDS)
        watch = Watch(server)
        watch.start()
        put, took = proof.timed(lambda: fill(server.port, options.megabytes))
        writing = watch.end()
        server.kill()
        server.begins()
        begin = time.monotonic()
        while not answers(server.port):
            time.sleep(0.002)
        ready = time.monotonic() - begin
        held = sum(path.stat().st_size for path in server.data.rglob("*") if path.is_file())
        watch = Watch(server)
        watch.start()
        found, read_took = proof.timed(lambda: read(server.port))
        reading = watch.end()
        verdict.expect(len(found) == put, f"{put - len(found)} of {put} records are missing")
        for what, most in (("writing", writing), ("reading", reading)):
            verdict.expect(most <= MOST_BYTES, f"{most >> 20} MiB while {what}")
        if not options.short:
            allowed = max(1.0, held / READY_BYTES) * READY_SECONDS
            verdict.expect(ready <= allowed, f"it was ready after {ready:.2f} s")
    finally:
        server.close()
        limited = "limited to" if group.folder else "looked at, not limited to"
        group.close()
    verdict.say(f"{held / 1e9:.1f} GB in {put} records, written in {took:.0f} s, ready {ready:.2f} s after kill -9, all read in "
                f"{read_took:.0f} s; memory {limited} {MOST_BYTES >> 20} MiB: {writing >> 20} MiB writing, "
                f"{reading >> 20} reading")


def answers(port):
    try:
        Client(port).call("ListStreams")
        return True
    except OSError:
        return False


if __name__ == "__main__":
    main()
