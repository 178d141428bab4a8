#!/usr/bin/env python3
"""How fast several servers on one Kafka put, beside the client alone on the same brokers, in turns: 500 records of 1 KiB a
request through one, two and three servers, one record at a time, and 300 shards beside 3. Prints the best of each case
as a table; the CPU is that of the servers, or of the client's process, by record.

`throughput.py SERVER_BINARY RAW_BINARY --brokers ADDRESSES [--seconds N] [--rounds N]`.
"""
import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from nodes import MASTER_KEY, Node  # noqa: E402

MANY, UNDER_WAY = 500, 6
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(processes):
    stats = [pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split() for process in processes]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / TICKS


class Bench:
    def __init__(self, arguments, folder):
        self.arguments, self.folder, self.number = arguments, folder, 0

    def raw(self, partitions, records, under_way):
        words = [self.arguments.raw, self.arguments.brokers, partitions, records, under_way, self.arguments.seconds]
        told = json.loads(subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, check=True).stdout)
        return told["records_per_second"], told["cpu_us_per_record"], told["p50_us"]

    @contextlib.contextmanager
    def nodes(self, count):
        """So many servers; their prefix is new, so nothing of others is in them."""
        self.number += 1
        prefix = f"speed-{os.getpid()}-{self.number}"
        make = lambda index: Node(self.arguments.binary, self.folder / f"{self.number}-{index}", self.arguments.brokers, prefix)
        nodes = [make(index) for index in range(count)]
        try:
            for node in nodes:
                node.start()
            yield nodes
        finally:
            for node in nodes:
                node.kill()

    def put(self, servers, shards, case, connections):
        """Connections are shared out among the servers; all put into one stream."""
        with self.nodes(servers) as nodes:
            cli = [self.arguments.binary]
            endpoint = lambda node: ["--endpoint", f"http://127.0.0.1:{node.port}"]
            subprocess.run(cli + ["stream", "create", "speed", "--shards", str(shards)] + endpoint(nodes[0]), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            bench = cli + ["bench", case, "--stream", "speed", "--json", "--connections", str(max(1, connections // servers))]
            # Brokers take seconds to make hundreds of partitions.
            for node in nodes:
                subprocess.run(bench + ["--seconds", "2"] + endpoint(node), check=True, stdout=subprocess.DEVNULL)
            load = bench + ["--seconds", str(self.arguments.seconds)]
            before = cpu_seconds([node.process for node in nodes])
            clients = [subprocess.Popen(load + endpoint(node), stdout=subprocess.PIPE) for node in nodes]
            told = [json.loads(client.communicate()[0]) for client in clients]
            cpu = cpu_seconds([node.process for node in nodes]) - before
        for one in told:
            if one["errors"]:
                sys.exit(f"requests failed: {one['errors']}")
        rate = sum(one["recordsPerSecond"] for one in told)
        return rate, cpu * 1e6 / (rate * told[0]["seconds"]), told[0]["latencyMs"]["p50"] * 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("raw")
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.environ.update(HEADWATER_MASTER_KEY=MASTER_KEY, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_REGION="us-east-1")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments, pathlib.Path(folder))
        cases = {
            "client alone, 500 x 1 KiB, 3 partitions": lambda: bench.raw(3, MANY, UNDER_WAY),
            **{
                f"PutRecords 500 x 1 KiB, 3 shards, {count} server(s)": lambda count=count: bench.put(count, 3, "put-many", UNDER_WAY)
                for count in (1, 2, 3)
            },
            "PutRecords 500 x 1 KiB, 300 shards, 1 server": lambda: bench.put(1, 300, "put-many", UNDER_WAY),
            "client alone, one record, one at a time": lambda: bench.raw(3, 1, 1),
            "PutRecord, one at a time": lambda: bench.put(1, 3, "put", 1),
        }
        seen = {name: [] for name in cases}
        for _ in range(arguments.rounds):
            for name, case in cases.items():
                seen[name].append(case())
                print(f"{name}: {seen[name][-1]}", file=sys.stderr, flush=True)
    print("| | records/s | CPU us a record | p50 ms |\n|---|---|---|---|")
    for name, runs in seen.items():
        rate, cpu, p50 = max(run[0] for run in runs), min(run[1] for run in runs), min(run[2] for run in runs)
        print(f"| {name} | {rate:,.0f} | {cpu:.1f} | {p50 / 1000:.2f} |")


if __name__ == "__main__":
    main()
