"""What the three Python programs share: scenarios run in order, one line each, and the facts they are held to."""
import sys
import time
import traceback
import uuid

HASH_KEYS = 2**128
# Those that need AWS's limits.
LIMITED = {"partial_failures", "provisioned_throughput"}
_scenarios = []


def scenario(function):
    """Marks a function as one scenario, shown under its name."""
    _scenarios.append(function)
    return function


def main(connect):
    """Runs every scenario with the clients that `connect` makes for the two endpoints given as arguments."""
    unlimited, limited = (connect(endpoint) for endpoint in sys.argv[1:3])
    sys.exit(1 if run_all(lambda name: limited if name in LIMITED else unlimited) else 0)


def run_all(client):
    """Runs every scenario with the client for its name; says how many failed."""
    failed = 0
    for function in _scenarios:
        begin = time.monotonic()
        try:
            function(client(function.__name__))
            print(f"ok {function.__name__}")
        except Exception as error:  # any failure is one line here and its trace on stderr
            traceback.print_exc()
            failed += 1
            print(f"FAILED {function.__name__}: {type(error).__name__}: {str(error)[:300]}")
        sys.stderr.write(f"   {function.__name__}: {time.monotonic() - begin:.2f} s\n")
        sys.stdout.flush()
    return failed


def fresh(prefix):
    """A stream name nobody used before."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def equal(actual, expected):
    """An assertion that shows both sides."""
    assert actual == expected, f"{actual!r} is not {expected!r}"


def wait_until(condition, seconds=30):
    """Polls until `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def parents_first(shards):
    """The shards in an order in which every parent stands before its children."""
    known, ordered, left = {shard["ShardId"] for shard in shards}, [], list(shards)
    while left:
        done = {shard["ShardId"] for shard in ordered}
        for shard in left:
            parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")} & known
            if parents <= done:
                ordered.append(shard)
                left.remove(shard)
                break
        else:
            raise AssertionError("shards descend in a circle")
    return ordered


def middle(shard):
    """The hash key that cuts a shard's range in two."""
    keys = shard["HashKeyRange"]
    return str((int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2 + 1)


def tiles_all_keys(shards):
    """Whether the open shards share out all hash keys without gap or overlap."""
    ranges = sorted(
        (int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]))
        for shard in shards
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    )
    starts, ends = [start for start, _ in ranges], [end + 1 for _, end in ranges]
    return starts == [0, *ends[:-1]] and ends[-1] == HASH_KEYS
