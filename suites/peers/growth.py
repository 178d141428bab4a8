#!/usr/bin/env python3
"""What a request costs where there is much beside it: one shard and many, one table and many, few items and many; and the
memory of shards to which nothing is put. Each pair is measured in turns on one server, so that a busy machine is so for both.

`growth.py HEADWATER [--shards N] [--tables N] [--items N] [--seconds N] [--repeat N]`: prints a table as Markdown.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from peers import Peer, Running, resident_mb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "durability"))
from server import DYNAMODB, KEYED_BY_K, KINESIS, Client  # noqa: E402

# So many different keys: each shard has its share, and of many items most are not in memory.
KEYS = 10_000


class Grown:
    """A server that has much, and what a request costs on it."""

    def __init__(self, options):
        self.options, self.rows = options, []
        self.running = Running(Peer("Headwater", {"kinesis"}, self.command))
        self.pid, self.endpoint = self.running.process.pid, f"http://127.0.0.1:{self.running.port}"

    def command(self, port, folder):
        return [self.options.headwater, "serve", "--listen", f"127.0.0.1:{port}", "--data", f"{folder}/data",
                "--shard-limit", str(self.options.shards + 100)]

    def call(self, service, operation, **request):
        return Client(self.running.port, service).call(operation, **request)

    def cost(self, *words):
        """CPU time of the server a request, in microseconds."""
        told = self.running.bench(self.options.headwater, [*words, "--keys", KEYS], self.options.seconds)
        if "error" in told or told["refused"]:
            sys.exit(f"{words}: {told}")
        return told["cpu_us"]

    def compare(self, name, few, many):
        """Both in turns; what each is the words of `headwater bench`."""
        costs = [(self.cost(*few), self.cost(*many)) for _ in range(self.options.repeat)]
        before, after = (statistics.median(turn) for turn in zip(*costs))
        self.rows.append(f"| {name} | {before:.1f} | {after:.1f} | {after / before:.2f} |")
        print(self.rows[-1], file=sys.stderr, flush=True)

    def stream(self, name, shards):
        self.call(KINESIS, "CreateStream", StreamName=name, ShardCount=shards)
        while self.call(KINESIS, "DescribeStreamSummary", StreamName=name)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
            pass

    def table(self, name):
        self.call(DYNAMODB, "CreateTable", TableName=name, **KEYED_BY_K)
        while self.call(DYNAMODB, "DescribeTable", TableName=name)["Table"]["TableStatus"] != "ACTIVE":
            pass

    def fill(self, name, items):
        """Items that are like those the load puts, but small, in no order of their keys."""
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as lines:
            for number in range(items):
                lines.write(json.dumps({"k": f"key-{number}", "data": "x" * 100}) + "\n")
            lines.flush()
            subprocess.run([self.options.headwater, "table", "import", lines.name, "--table", name, "--endpoint", self.endpoint],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("headwater")
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    grown = Grown(options)
    try:
        grown.stream("one", 1)
        grown.cost("put", "--stream", "one")
        before = resident_mb(grown.pid)
        grown.stream("many", options.shards)
        idle = (resident_mb(grown.pid) - before) * 1e6 / options.shards
        grown.compare(f"PutRecord, 1 shard and {options.shards}", ["put", "--stream", "one"], ["put", "--stream", "many"])
        grown.compare(f"PutRecords of 500, 1 shard and {options.shards}", ["put-many", "-c", "4", "--stream", "one"],
                      ["put-many", "-c", "4", "--stream", "many"])
        for name in ["first", "large"]:
            grown.table(name)
        few = {case: [case, "--table", "first"] for case in ("put-item", "get-item")}
        alone = {case: grown.cost(*words) for case, words in few.items()}
        for number in range(options.tables):
            grown.table(f"table-{number}")
        for case, before in alone.items():
            after = statistics.median(grown.cost(*few[case]) for _ in range(options.repeat))
            grown.rows.append(f"| {case}, 1 table and {options.tables} | {before:.1f} | {after:.1f} | {after / before:.2f} |")
        grown.fill("large", options.items)
        for case, words in few.items():
            grown.compare(f"{case}, {KEYS} items and {options.items}", words, [case, "--table", "large"])
    finally:
        grown.running.close()
    print("| | CPU µs a request | with many | times |\n|---|---|---|---|")
    print("\n".join(grown.rows))
    print(f"\nA shard to which nothing was put: {idle:.0f} bytes of resident memory.")


if __name__ == "__main__":
    main()
