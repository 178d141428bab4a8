"""The Kinesis Producer Library, unmodified, over TLS: `kpl.py BINARY JAVA_CLASSPATH`.

What it aggregates is taken apart here as consumers do: a user record whose hash key is not in the range of the shard it
came in is left out, because the library sends it again to the right one.
"""
import collections
import hashlib
import json
import subprocess
import sys
import threading
import time

from server import Server, Stream, Verdict

MAGIC = b"\xf3\x89\x9a\xc2"


def fields(message):
    """The (number, value) pairs of a protocol buffer of integers and byte strings."""
    place = 0

    def varint():
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        else:
            assert tag & 7 == 2, f"wire type {tag & 7}"
            length = varint()
            place += length
            yield tag >> 3, message[place - length : place]


def user_records(record):
    """(key, hash key, data) of everything in a record; the record itself if it is not aggregated."""
    data = record["Data"]
    hashed = lambda key: int.from_bytes(hashlib.md5(key).digest())
    if not data.startswith(MAGIC) or hashlib.md5(data[4:-16]).digest() != data[-16:]:
        key = record["PartitionKey"].encode()
        yield key, hashed(key), data
        return
    keys, hash_keys, records = [], [], []
    for number, value in fields(data[4:-16]):
        {1: keys, 2: hash_keys, 3: records}[number].append(value)
    for entry in records:
        parts = dict(fields(entry))
        key = keys[parts[1]]
        yield key, int(hash_keys[parts[2]]) if 2 in parts else hashed(key), parts[3]


def read(kinesis, stream):
    """All user records with the number of the record they came in, parents first; how many were left out."""
    found, records, strays = [], 0, 0
    for shard in sorted(stream.shards(), key=lambda shard: shard["ShardId"]):  # children have larger numbers
        low, high = (int(shard["HashKeyRange"][end]) for end in ("StartingHashKey", "EndingHashKey"))
        where = {"StreamName": stream.name, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        position = kinesis.get_shard_iterator(**where)["ShardIterator"]
        while position:
            reply = kinesis.get_records(ShardIterator=position)
            for record in reply["Records"]:
                records += 1
                for _, hash_key, data in user_records(record):
                    if low <= hash_key <= high:
                        found.append((data.decode(), records))
                    else:
                        strays += 1
            position = reply.get("NextShardIterator")
            if not reply["Records"] and reply["MillisBehindLatest"] == 0:
                break
    return found, records, strays


def produce(server, kinesis, classpath, count, keys, per_second, connections, meanwhile=None):
    """What is wrong, how many records are out of their key's order, and the figures."""
    stream = Stream(kinesis, 4)
    host, port = server.address.split(":")
    words = ["java", "-cp", classpath, "headwater.Producer", host, port, stream.name]
    words += map(str, (count, keys, per_second, connections))
    log = open(server.folder / "kpl.log", "a")
    program = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)
    if program.stdout.readline() == "sending\n" and meanwhile:
        threading.Thread(target=meanwhile, args=(stream,), daemon=True).start()
    said = [line for line in program.stdout if line.startswith("{")]
    if not said:
        return [f"the producer ended with {program.wait()}; see {log.name}"], 0, ""
    told = json.loads(said[0])
    found, records, strays = read(kinesis, stream)
    texts = [text for text, _ in found]
    times = collections.Counter(texts)
    wanted = {f"key{number % keys} {number // keys}" for number in range(count)}
    wrong = [f"{text} was lost" for text in wanted - set(times)] + [f"{text} was never sent" for text in set(times) - wanted]
    # The library sends a whole batch again that came into another shard than it thought, also what belonged there.
    again = told["attempts"] - count
    if len(texts) + strays - count > again:
        wrong.append(f"{len(texts) + strays - count} user records too many, and {again} were sent again")
    wrong += [f"{told['failed']} user records failed"] if told["failed"] or not told["finished"] else []
    last, disorder = {}, 0
    for text, record in found:
        key, number = text.split()
        before, where = last.get(key, (-1, 0))
        # Within a record the order is the library's own, and its threads do not always keep it.
        disorder += int(number) < before and record != where
        last[key] = int(number), record
    note = f"{count} user records in {records} records, {told['seconds']} s, {again} sent again, {strays} strays, "
    note += f"{len(texts) - len(wanted)} doubled, {disorder} out of order, {len(stream.shards())} shards"
    return wrong, disorder, note


def main():
    server, verdict = Server(sys.argv[1]), Verdict()
    kinesis = server.client()
    wrong, disorder, note = produce(server, kinesis, sys.argv[2], 10_000, 100, 5_000, 1)
    verdict.say("kpl_aggregates", wrong + [f"{disorder} out of order"] * bool(disorder), note)

    def reshard(stream):
        time.sleep(4)
        stream.split(1)
        time.sleep(6)
        stream.merge(3)

    # Across a change of the shards the library itself sends again, and keeps no order while it does.
    wrong, _, note = produce(server, kinesis, sys.argv[2], 40_000, 100, 2_000, 24, reshard)
    verdict.say("kpl_through_a_split_and_a_merge", wrong, note)
    server.kill()
    verdict.exit()


if __name__ == "__main__":
    main()
