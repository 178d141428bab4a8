#!/usr/bin/env python3
"""Headwater beside every server of the same API that installs, in one run: each case on each server in turn, again and again,
so that a machine which is busy for a while is so for all. Headwater is durable; the others are measured as they come, most of
them in memory.

`peers.py HEADWATER FLOOR --folder DIR [--libraries DIR] [--only NAME …] [--seconds N] [--repeat N] [--figures DIR]`: installs what is
not there yet into the folder (npm, pip, cargo), prints tables as Markdown and, with --figures, writes pictures of them.
"""
import argparse
import dataclasses
import json
import math
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
CRATES = {"ferrokinesis": "0.7.0", "fakecloud": "0.51.0"}
START_SECONDS = 60
TICKS = os.sysconf("SC_CLK_TCK")
# What `headwater bench` is told, by the name of the case.
CASES = {
    "PutRecord, 1 connection": ("kinesis", ["put", "-c", "1", "--shards", "1"]),
    "PutRecord, 16": ("kinesis", ["put", "-c", "16", "--shards", "1"]),
    "PutRecord, 64": ("kinesis", ["put", "-c", "64", "--shards", "1"]),
    "PutRecords of 500, 4": ("kinesis", ["put-many", "-c", "4", "--shards", "4"]),
    "PutItem, 16": ("dynamodb", ["put-item", "-c", "16"]),
    "GetItem, 16": ("dynamodb", ["get-item", "-c", "16"]),
}
# What the floor can answer without making anything.
FLOORED = {"PutRecord, 1 connection", "PutRecord, 16", "PutRecord, 64"}


@dataclasses.dataclass
class Peer:
    """A server: what it is called, what it speaks, and how it is started on a port and in a folder."""

    name: str
    speaks: set
    command: object
    environment: object = lambda port, folder: {}
    lasts: str = "in memory"
    # Where it looks for files of its own.
    home: object = None


def peers(options, folder):
    modules, venv, cargo = folder / "node" / "node_modules", folder / "venv" / "bin", folder / "cargo" / "bin"
    java = ["java", f"-Djava.library.path={options.libraries}", "-cp", f"{options.libraries}/*",
            "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"]
    known = [
        Peer("floor", {"floor"}, lambda port, data: [options.floor, str(port)], lasts="–"),
        Peer("Headwater", {"kinesis", "dynamodb"},
             lambda port, data: [options.headwater, "serve", "--listen", f"127.0.0.1:{port}", "--data", f"{data}/data"],
             lasts="synced"),
        Peer("ferrokinesis", {"kinesis"}, lambda port, data: [cargo / "ferrokinesis", "--port", str(port)]),
        Peer("fakecloud", {"kinesis", "dynamodb"}, lambda port, data: [cargo / "fakecloud", "--addr", f"127.0.0.1:{port}"]),
        Peer("kinesis-mock", {"kinesis"}, lambda port, data: ["node", modules / "kinesis-local" / "main.js"],
             lambda port, data: {"KINESIS_MOCK_PLAIN_PORT": str(port), "KINESIS_MOCK_TLS_PORT": str(port + 1),
                                 "LOG_LEVEL": "ERROR", "SHARD_LIMIT": "100"}, home=modules / "kinesis-local"),
        Peer("kinesalite", {"kinesis"},
             lambda port, data: ["node", modules / "kinesalite" / "cli.js", "--port", str(port), "--createStreamMs", "0",
                                 "--shardLimit", "100"]),
        Peer("ministack", {"kinesis", "dynamodb"}, lambda port, data: [venv / "ministack"],
             lambda port, data: {"GATEWAY_PORT": str(port)}),
        Peer("moto", {"kinesis", "dynamodb"}, lambda port, data: [venv / "moto_server", "-p", str(port)]),
        Peer("dynalite", {"dynamodb"},
             lambda port, data: ["node", modules / "dynalite" / "cli.js", "--port", str(port), "--createTableMs", "0"]),
    ]
    if options.libraries:
        known.append(Peer("DynamoDB Local", {"dynamodb"}, lambda port, data: [*java, "-port", str(port), "-dbPath", str(data)],
                          lasts="SQLite"))
    return [peer for peer in known if not options.only or peer.name in {"Headwater", *options.only}]


def install(folder, wanted):
    """What is not there yet. What cannot be had is told, and left out."""
    def run(*words, **more):
        print("$", *map(str, words), file=sys.stderr, flush=True)
        return subprocess.run(list(map(str, words)), stdout=sys.stderr, check=False, **more).returncode == 0

    if wanted & {"kinesalite", "dynalite", "kinesis-mock"} and not (folder / "node" / "node_modules").exists():
        (folder / "node").mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            if (HERE / name).exists():
                shutil.copy(HERE / name, folder / "node")
        run("npm", "ci" if (HERE / "package-lock.json").exists() else "install", "--no-audit", "--no-fund", cwd=folder / "node")
    if wanted & {"moto", "ministack"} and not (folder / "venv").exists():
        run(sys.executable, "-m", "venv", folder / "venv")
        run(folder / "venv" / "bin" / "pip", "-q", "install", "-r", HERE / "requirements.txt")
    for name, version in CRATES.items():
        if name in wanted and not (folder / "cargo" / "bin" / name).exists():
            run("cargo", "install", "--locked", "--version", version, "--root", folder / "cargo", name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def family(pid):
    """A process and those it has started."""
    children = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append((int(path.parent.name), fields))
    found, open_ = {}, [pid]
    own = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    found[pid] = own
    while open_:
        for child, fields in children.get(open_.pop(), []):
            found[child] = fields
            open_.append(child)
    return found


def cpu_seconds(pid):
    return sum(int(fields[11]) + int(fields[12]) for fields in family(pid).values()) / TICKS


def resident_mb(pid):
    return sum(int(fields[21]) for fields in family(pid).values()) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Running:
    """A server at work in a folder of its own."""

    def __init__(self, peer):
        self.peer, self.port = peer, free_port()
        self.folder = tempfile.mkdtemp(prefix=f"headwater-peer-{peer.name.replace(' ', '-')}-")
        environment = os.environ | peer.environment(self.port, self.folder)
        self.log = open(pathlib.Path(self.folder, "log"), "wb")
        self.process = subprocess.Popen(list(map(str, peer.command(self.port, self.folder))), env=environment, cwd=peer.home or self.folder,
                                        stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, start_new_session=True)
        begun = time.monotonic()
        while time.monotonic() < begun + START_SECONDS and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                self.started_ms = (time.monotonic() - begun) * 1000
                time.sleep(0.5)
                return
            except OSError:
                time.sleep(0.005)
        words = pathlib.Path(self.folder, "log").read_text(errors="replace")[-500:]
        self.close()
        raise RuntimeError(f"{peer.name} does not start: {words}")

    def measure(self, headwater, case, seconds):
        """One case: rate, latencies, and the CPU time of the server a request."""
        floor = ["--stream", "floor"] if self.peer.speaks == {"floor"} else []
        return self.bench(headwater, [*CASES[case][1], *floor], seconds)

    def bench(self, headwater, case, seconds):
        """The same of any case, as `headwater bench` is told it."""
        words = [headwater, "bench", *case, "--json", "--seconds", str(seconds), "--endpoint", f"http://127.0.0.1:{self.port}"]
        before = cpu_seconds(self.process.pid)
        done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                              timeout=seconds + 120)
        spent = cpu_seconds(self.process.pid) - before
        if done.returncode:
            return {"error": done.stderr.strip()[-200:]}
        told = json.loads(done.stdout)
        requests = told["requestsPerSecond"] * seconds
        if not requests:
            return {"error": f"nothing was answered as it should be: {told['errors']}"}
        return {"rate": told["requestsPerSecond"], "p50": told["latencyMs"]["p50"], "p99": told["latencyMs"]["p99"],
                "cpu_us": spent / requests * 1e6, "refused": sum(told["errors"].values())}

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def measured(peer, options):
    """Every case that a server knows, once."""
    running = Running(peer)
    try:
        idle_mb, results = resident_mb(running.process.pid), {}
        for case, (service, _) in CASES.items():
            if service in peer.speaks or ("floor" in peer.speaks and case in FLOORED):
                results[case] = running.measure(options.headwater, case, options.seconds)
                print(f"{peer.name}: {case}: {results[case]}", file=sys.stderr, flush=True)
        return {"started_ms": running.started_ms, "idle_mb": idle_mb, "loaded_mb": resident_mb(running.process.pid),
                "cases": results}
    finally:
        running.close()


def middle(turns, *path):
    """The median over the turns in which there is a figure."""
    found = []
    for turn in turns:
        for key in path:
            turn = (turn or {}).get(key)
        if turn is not None:
            found.append(turn)
    return statistics.median(found) if found else None


def number(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(service, names, everything, lasts):
    """A service's cases, a server a row."""
    cases = [case for case, (of, _) in CASES.items() if of == service]
    yield "| requests/s · CPU µs · p99 ms | kept | " + " | ".join(cases) + " |"
    yield "|---|---|" + "---|" * len(cases)
    for name in names:
        figures = [[middle(everything[name], "cases", case, key) for key in ("rate", "cpu_us", "p99")] for case in cases]
        if any(rate for rate, *_ in figures):
            cells = [" · ".join(map(number, figure)) if figure[0] else "–" for figure in figures]
            yield f"| {name} | {lasts[name]} | " + " | ".join(cells) + " |"


def picture(title, rows, unit):
    """Bars, the longest first, on a scale that is logarithmic, as the servers differ by hundreds."""
    rows = sorted((row for row in rows if row[1]), key=lambda row: -row[1])
    top, bottom = max(value for _, value in rows), min(value for _, value in rows)
    low = 10 ** math.floor(math.log10(bottom))
    width, left, line, head = 720, 130, 26, 44
    height = head + line * len(rows) + 14
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">',
             "<style>text{font:13px system-ui,sans-serif;fill:#334}.t{font-weight:600}.b{fill:#9db2c6}.h{fill:#1f6feb}"
             "@media(prefers-color-scheme:dark){text{fill:#ccd}.b{fill:#51667a}}</style>",
             f'<text class="t" x="8" y="20">{title}</text><text x="8" y="37">{unit}, logarithmic</text>']
    for at, (name, value) in enumerate(rows):
        y = head + at * line
        long = max(2, (width - left - 110) * math.log10(value / low) / math.log10(max(top / low, 10)))
        kind = "h" if name == "Headwater" else "b"
        parts.append(f'<text x="{left - 8}" y="{y + 16}" text-anchor="end">{name}</text>'
                     f'<rect class="{kind}" x="{left}" y="{y + 3}" width="{long:.0f}" height="{line - 8}" rx="2"/>'
                     f'<text x="{left + long + 8:.0f}" y="{y + 16}">{number(value)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("headwater", type=os.path.abspath)
    parser.add_argument("floor", type=os.path.abspath)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--libraries", type=os.path.abspath, help="those of DynamoDB Local")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--figures", type=pathlib.Path)
    options = parser.parse_args()
    folder = options.folder.resolve()
    os.environ |= {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
    every = peers(options, folder)
    install(folder, {peer.name for peer in every})
    everything, left_out = {peer.name: [] for peer in every}, {}
    for turn in range(options.repeat):
        for peer in every:
            try:
                everything[peer.name].append(measured(peer, options))
            except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                left_out[peer.name] = str(error)
        (folder / "results.json").write_text(json.dumps(everything, indent=1))
    names, lasts = [peer.name for peer in every if everything[peer.name]], {peer.name: peer.lasts for peer in every}
    for service in ("kinesis", "dynamodb"):
        print("\n".join(table(service, names, everything, lasts)), end="\n\n")
    print("| | start to first connection, ms | idle, MB | behind the load, MB |\n|---|---|---|---|")
    for name in names:
        print(f"| {name} | " + " | ".join(number(middle(everything[name], key)) for key in ("started_ms", "idle_mb", "loaded_mb"))
              + " |")
    for name, why in left_out.items():
        print(f"\nleft out: {name}: {why}")
    if options.figures:
        for case, key, unit, file in (("PutRecord, 16", "rate", "requests a second", "peers-put-record"),
                                      ("PutRecord, 16", "cpu_us", "CPU µs a request, less is better", "peers-put-record-cpu"),
                                      ("PutItem, 16", "rate", "requests a second", "peers-put-item")):
            rows = [(name, middle(everything[name], "cases", case, key)) for name in names if name != "floor"]
            title = f"{case} connections, 1 KiB"
            options.figures.joinpath(file + ".svg").write_text(picture(title, rows, unit))


if __name__ == "__main__":
    main()
