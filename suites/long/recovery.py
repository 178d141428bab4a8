"""Over AWS's limits and back, by boto3: `recovery.py BINARY`, which is started with `--limits aws`."""
import collections
import concurrent.futures
import sys
import time

from server import Server, Stream, Verdict

TOO_MUCH = "ProvisionedThroughputExceededException"
WRITES, READS = 1000, 5


def batch(count):
    return [{"Data": b"x", "PartitionKey": f"k{number}"} for number in range(count)]


def put_records(kinesis):
    """Only what is over the limit fails; a second later nothing does."""
    stream = Stream(kinesis, 1)
    begin, replies = time.monotonic(), []
    for _ in range(4):
        replies.append(kinesis.put_records(StreamName=stream.name, Records=batch(500)))
    took = time.monotonic() - begin
    failed = [record for reply in replies for record in reply["Records"] if "ErrorCode" in record]
    wrong = [f"an odd failure: {record}" for record in failed if record["ErrorCode"] != TOO_MUCH]
    most = WRITES * (1 + took)
    if not WRITES <= 2000 - len(failed) <= most:
        wrong.append(f"{2000 - len(failed)} of 2000 records were taken within {took:.2f} s")
    time.sleep(1)
    later = kinesis.put_records(StreamName=stream.name, Records=batch(500))["FailedRecordCount"]
    if later:
        wrong.append(f"{later} of 500 failed a second later")
    return wrong, f"{2000 - len(failed)} of 2000 taken in {took * 1000:.0f} ms, 500 of 500 a second later"


def put_record(kinesis):
    """A producer at a multiple of a mebibyte a second: boto3's own retries bring every record in."""
    stream, count, size = Stream(kinesis, 1), 800, 10_000
    retries = []
    kinesis.meta.events.register(
        "after-call.kinesis.PutRecord", lambda parsed, **_: retries.append(parsed["ResponseMetadata"]["RetryAttempts"])
    )
    put = lambda number: kinesis.put_record(StreamName=stream.name, Data=b"%d " % number + b"x" * size, PartitionKey="k")
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(40) as workers:
        done = [future.exception() for future in [workers.submit(put, number) for number in range(count)]]
    took = time.monotonic() - begin
    wrong = [f"{error}" for error in done if error]
    seen = collections.Counter(int(text.split()[0]) for text in read(kinesis, stream)[0])
    wrong += [f"{number} came {seen[number]} times" for number in range(count) if seen[number] != 1]
    if not sum(retries):
        wrong.append("no call was refused")
    return wrong, f"{count} in {took:.1f} s, {count * size / took / 1e6:.2f} MB/s, {sum(retries)} retries"


def read(kinesis, stream):
    """All records of a stream of one shard, as fast as it goes; and how many calls it took."""
    where = {"StreamName": stream.name, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    position, texts, calls = kinesis.get_shard_iterator(**where)["ShardIterator"], [], 0
    while True:
        reply = kinesis.get_records(ShardIterator=position, Limit=500)
        texts += [record["Data"] for record in reply["Records"]]
        position, calls = reply["NextShardIterator"], calls + 1
        if not reply["Records"] and reply["MillisBehindLatest"] == 0:
            return texts, calls


def get_records(server):
    """The sixth call in a second is refused; a reader that retries as boto3 does reads on."""
    stream, once = Stream(server.client(), 1), server.client(attempts=1)
    where = {"StreamName": stream.name, "ShardId": "shardId-000000000000", "ShardIteratorType": "LATEST"}
    position = once.get_shard_iterator(**where)["ShardIterator"]
    calls, wrong, begin = 0, [], time.monotonic()
    try:
        while time.monotonic() < begin + 1:
            once.get_records(ShardIterator=position)
            calls += 1
    except once.exceptions.ProvisionedThroughputExceededException:
        pass
    if calls != READS:
        wrong.append(f"{calls} calls were let through in a second")
    time.sleep(1)
    once.get_records(ShardIterator=position)
    patient = server.client(attempts=10)
    for _ in range(6):
        patient.put_records(StreamName=stream.name, Records=batch(400))
        time.sleep(0.6)
    begin = time.monotonic()
    texts, calls = read(patient, stream)
    took = time.monotonic() - begin
    if len(texts) != 2400:
        wrong.append(f"{len(texts)} of 2400 records")
    return wrong, f"refused after {READS} calls; then {calls} calls in {took:.1f} s with retries"


def main():
    server, verdict = Server(sys.argv[1], "--limits", "aws"), Verdict()
    verdict.say("put_records", *put_records(server.client()))
    verdict.say("put_record", *put_record(server.client(attempts=20)))
    verdict.say("get_records", *get_records(server))
    server.kill()
    verdict.exit()


if __name__ == "__main__":
    main()
