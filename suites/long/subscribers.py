"""A thousand subscriptions at once: `subscribers.py BINARY SUBSCRIBERS_PROGRAM`. 100 shards, ten consumers each, a thousand
records a second: every consumer gets every record once and in order, within bounded memory.
"""
import json
import subprocess
import sys
import time

from server import Peak, Server, Stream, Verdict

SHARDS, CONSUMERS, PER_SECOND, SECONDS, MOST_MB = 100, 10, 1000, 60, 200


def main():
    server, verdict = Server(sys.argv[1]), Verdict()
    kinesis = server.client()
    stream = Stream(kinesis, SHARDS)
    for number in range(CONSUMERS):
        stream.consumer(f"consumer{number}")
    count = PER_SECOND * SECONDS
    words = [sys.argv[2], server.endpoint, stream.name, str(count), str(SECONDS + 30)]
    program = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert program.stdout.readline() == "subscribed\n"
    peak, idle_s = Peak(server), server.cpu_seconds()
    time.sleep(10)
    idle = (server.cpu_seconds() - idle_s) / 10
    begin, cpu, sent = time.monotonic(), server.cpu_seconds(), 0
    while sent < count:
        moment = int(time.time() * 1e6)
        entries = [
            {"Data": b"%d %d " % (number, moment) + b"x" * 200, "PartitionKey": f"key{number % 1000}"}
            for number in range(sent, sent + PER_SECOND // 20)
        ]
        assert kinesis.put_records(StreamName=stream.name, Records=entries)["FailedRecordCount"] == 0
        sent += len(entries)
        time.sleep(max(0, begin + sent / PER_SECOND - time.monotonic()))
    elapsed = time.monotonic() - begin
    cores = (server.cpu_seconds() - cpu) / elapsed
    got = json.loads(program.communicate()[0])
    wrong = [f"consumer {number} has {seen} of {count}" for number, seen in enumerate(got["records"]) if seen != count]
    wrong += [f"{got[fault]} {fault}" for fault in ("ended", "doubled", "disorder") if got[fault]]
    if peak.stop() > MOST_MB:
        wrong.append(f"{peak.most:.0f} MB")
    rates = f"{sent / elapsed:.0f} records/s in, {sent * CONSUMERS / elapsed:.0f} out"
    delays = "put to receive p50 {p50_ms:.1f} p99 {p99_ms:.1f} max {max_ms:.1f} ms".format(**got)
    cost = f"server {peak.most:.0f} MB ({peak.before:.0f} idle), {cores:.2f} cores ({idle:.3f} idle)"
    verdict.say("a_thousand_subscriptions", wrong, f"{got['subscriptions']} subscriptions, {rates}, {delays}, {cost}")
    server.kill()
    verdict.exit()


if __name__ == "__main__":
    main()
