"""SubscribeToShard from every SDK, through what a subscription can live through: `fan_out.py BINARY CLIENT=COMMAND...`.

A client is one of the `follow` programs; its COMMAND is split at blanks, and the arguments told there are added. Each
client gets a stream of its own; all run at once, as the longest scenario takes six minutes. A client whose name ends in
`_tls` is sent to the TLS side of the port. `--only=SCENARIO,...` before the clients leaves out the others.
"""
import functools
import json
import subprocess
import sys
import threading
import time
import traceback

from server import Peak, Producer, Server, Stream, Verdict, faults, wait_until

LIFE_S, HEARTBEAT_S = 300, 5


class Follower:
    """A running client and the lines it has printed, each with its moment."""

    def __init__(self, command, endpoint, consumer, shards, mode="follow", pause=0):
        words = [*command.split(), endpoint, consumer, ",".join(shards), mode, str(pause)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.lines = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), json.loads(line)))

    def events(self):
        return [(when, line) for when, line in list(self.lines) if "behind" in line]

    def subscriptions(self):
        return [when for when, line in list(self.lines) if "subscribed" in line]

    def ends(self):
        return [(when, line["end"]) for when, line in list(self.lines) if "end" in line]

    def texts(self):
        return [text for _, line in self.events() for _, text in line["records"]]

    def stop(self):
        self.process.kill()
        self.process.wait()


def malformed(follower):
    """Each event has a continuation or children, never both."""
    for _, event in follower.events():
        if bool(event["continuation"]) == bool(event["children"]) or event["behind"] is None:
            yield f"an odd event: {event}"


def ids(shards):
    return [shard["ShardId"] for shard in shards]


def reshard(kinesis, follow):
    """Split, merge and split again under load; the client goes from parents to children."""
    stream = Stream(kinesis, 2)
    follower = follow(stream.consumer(), ids(stream.shards()))
    wait_until(lambda: len(follower.subscriptions()) == 2)
    producer = Producer(kinesis, stream, 100)
    producer.start()
    for change in (lambda: stream.split(0), lambda: stream.merge(1), lambda: stream.split(1), lambda: stream.merge(0)):
        time.sleep(4)
        change()
    time.sleep(4)
    producer.stop()
    complete = lambda: len(follower.texts()) >= len(producer.acknowledged)
    try:
        wait_until(complete, 20)
    except AssertionError:
        pass  # what is missing is told below
    follower.stop()
    wrong = [*faults(producer.acknowledged, follower.texts()), *malformed(follower)]
    wrong += [f"a subscription ended with {end}" for _, end in follower.ends() if end != "clean"]
    return wrong, f"{len(producer.acknowledged)} records, {len(stream.shards())} shards"


def life(kinesis, follow):
    """An idle minute, then records over the border of five minutes."""
    stream = Stream(kinesis, 1)
    follower = follow(stream.consumer(), ids(stream.shards()))
    wait_until(lambda: follower.subscriptions())
    begin = follower.subscriptions()[0]
    time.sleep(60)
    idle = [when for when, _ in follower.events()]
    gaps = [later - earlier for earlier, later in zip([begin, *idle], idle)]
    producer = Producer(kinesis, stream, 50)
    time.sleep(max(0, begin + LIFE_S - 20 - time.monotonic()))
    producer.start()
    time.sleep(40)
    producer.stop()
    time.sleep(3)
    follower.stop()
    wrong = [*faults(producer.acknowledged, follower.texts()), *malformed(follower)]
    if len(idle) < 60 / HEARTBEAT_S - 1 or max(gaps) > HEARTBEAT_S + 2:
        wrong.append(f"{len(idle)} events in the idle minute, {max(gaps):.1f} s apart")
    lived = [(round(when - begin, 1), end) for when, end in follower.ends()]
    if len(lived) != 1 or lived[0][1] != "clean" or abs(lived[0][0] - LIFE_S) > 3:
        wrong.append(f"ended at {lived}")
    return wrong, f"{len(idle)} heartbeats a minute, ended at {lived[0][0]} s, {len(producer.acknowledged)} records"


def take_over(kinesis, follow):
    """The second subscription is refused at first, the third gets the seat and the first one leaves."""
    stream = Stream(kinesis, 1)
    consumer, shards = stream.consumer(), ids(stream.shards())
    subscribe = lambda: follow(consumer, shards, "once")
    first = subscribe()
    wait_until(lambda: first.subscriptions())
    wrong = []
    # The rule is tried with a client that starts at once: some of ours take seconds to start.
    try:
        kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId=shards[0], StartingPosition={"Type": "LATEST"})
        wrong.append("a second subscription was let in at once")
    except kinesis.exceptions.ResourceInUseException:
        pass
    time.sleep(max(0, first.subscriptions()[0] + 5.5 - time.monotonic()))
    third = subscribe()
    wait_until(lambda: third.subscriptions())
    kinesis.put_record(StreamName=stream.name, Data=b"key 0", PartitionKey="key")
    wait_until(lambda: third.texts() == ["key 0"] and first.ends(), 10)
    early = subscribe()
    wait_until(lambda: early.ends() or early.events(), 10)
    took = max(0, first.ends()[0][0] - third.subscriptions()[0])
    code = lambda follower: follower.ends()[0][1] if follower.ends() else None
    if first.texts():
        wrong.append("the first subscription went on")
    if code(first) not in ("clean", "ResourceInUseException"):
        wrong.append(f"the first subscription ended with {code(first)}")
    if early.subscriptions() and early.subscriptions()[0] < third.subscriptions()[0] + 4.5:
        wrong.append("a fourth one was let in before five seconds")
    for follower in (first, third, early):
        follower.stop()
    return wrong, f"first ended with {code(first)} after {took * 1000:.0f} ms, early one with {code(early)}"


def pause(kinesis, follow):
    """The client does not read for a minute while 60 MB arrive."""
    stream = Stream(kinesis, 1)
    follower = follow(stream.consumer(), ids(stream.shards()), pause=60)
    wait_until(lambda: follower.subscriptions())
    producer = Producer(kinesis, stream, 100, filler=20_000)
    producer.start()
    time.sleep(30)
    producer.stop()
    time.sleep(25)
    during = len(follower.texts())
    wait_until(lambda: len(follower.texts()) >= len(producer.acknowledged), 90)
    time.sleep(2)
    follower.stop()
    wrong = [*faults(producer.acknowledged, follower.texts()), *malformed(follower)]
    wrong += [f"a subscription ended with {end}" for _, end in follower.ends()]
    return wrong, f"{during} of {len(producer.acknowledged)} records before the pause was over"


SCENARIOS = (reshard, life, take_over, pause)


def run(kinesis, verdict, name, follow, scenario):
    try:
        wrong, note = scenario(kinesis, follow)
    except Exception as error:  # any failure is one line and its trace
        traceback.print_exc()
        wrong, note = [f"{type(error).__name__}: {error}"], ""
    verdict.say(f"{scenario.__name__}_{name}", wrong, note)


def together(server, verdict, clients, scenarios):
    """All clients through these scenarios at once."""
    peak = Peak(server)
    threads = []
    for name, command in clients.items():
        endpoint = server.secure if name.endswith("_tls") else server.endpoint
        follow = functools.partial(Follower, command, endpoint)
        for scenario in scenarios:
            arguments = (server.client(attempts=1), verdict, name, follow, scenario)
            threads.append(threading.Thread(target=run, args=arguments))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = ", ".join(scenario.__name__ for scenario in scenarios)
    print(f"   {names}: the server's memory {peak.before:.0f} MB before, at most {peak.stop():.0f} MB", flush=True)


def main():
    verdict, arguments, wanted = Verdict(), sys.argv[2:], None
    if arguments[0].startswith("--only="):
        wanted = arguments.pop(0).removeprefix("--only=").split(",")
    clients = dict(argument.split("=", 1) for argument in arguments)
    for scenarios in ((reshard,), (take_over,), (pause,), (life,)):
        scenarios = [scenario for scenario in scenarios if not wanted or scenario.__name__ in wanted]
        if scenarios:
            server = Server(sys.argv[1])
            together(server, verdict, clients, scenarios)
            server.kill()
    verdict.exit()


if __name__ == "__main__":
    main()
