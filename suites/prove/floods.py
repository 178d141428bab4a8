#!/usr/bin/env python3
"""Clients that mean harm, and a good one beside them: thousands of idle connections, slow loris, and on HTTP/2 rapid resets,
streams without end, empty frames, pings and settings. The good client's calls all succeed and take about as long as before;
the memory stays bounded, and when the others have gone the server is as it was.

`floods.py BINARY DISK [--idle N] [--loris N] [--seconds N] [--short] [--seed N]`; a short run does not look at times.
"""
import multiprocessing
import resource
import socket
import threading
import time

import proof
from server import BROKEN, KINESIS, Client, Refusal

STREAM = "good"
# What all flooding connections of a kind send together, so that the flood and not the machine's processors is what counts.
FRAMES_A_SECOND, CONNECTIONS, BATCH = 50_000, 4, 250
# So long it may take until all that are to be there are.
GATHER_SECONDS = 25
MOST_GROWTH_BYTES, MOST_TIMES, JITTER_SECONDS = 300 << 20, 2, 0.010
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def literal(name, value):
    """A field without compression and not to be remembered."""
    return b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value


HEAD = b"".join(literal(*field) for field in (
    (b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"localhost"),
    (b"x-amz-target", b"Kinesis_20131202.ListStreams"), (b"content-type", b"application/x-amz-json-1.1")))


def resets(first):
    return b"".join(frame(HEADERS, END_HEADERS, first + 2 * at, HEAD)
                    + frame(RST_STREAM, 0, first + 2 * at, (8).to_bytes(4, "big")) for at in range(BATCH // 2))


def endless(first):
    return b"".join(frame(HEADERS, END_HEADERS, first + 2 * at, HEAD) for at in range(BATCH))


def opened(*frames):
    """A stream is opened by the first batch; the rest is frames of it."""
    def batch(first):
        begin = frame(HEADERS, END_HEADERS, 1, HEAD) if first == 1 else b""
        return begin + b"".join(frame(*each) for each in frames) * (BATCH // len(frames))
    return batch


def unended(first):
    """A head that does not end."""
    begin = frame(HEADERS, 0, 1, HEAD) if first == 1 else b""
    return begin + frame(CONTINUATION, 0, 1) * BATCH


FLOODS = {
    "rapid resets": resets, "endless streams": endless, "empty data": opened((DATA, 0, 1)),
    "empty continuations": unended, "pings": opened((PING, 0, 0, b"headwate")), "settings": opened((SETTINGS, 0, 0)),
}


def flood(port, batch, stop, sent, refused):
    """Sends batches at a steady pace until told to stop; a connection that was closed is opened anew."""
    next_at = time.monotonic()
    while not stop.is_set():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as peer:
                peer.sendall(PREFACE + frame(SETTINGS, 0, 0))
                peer.setblocking(False)
                first = 1
                while not stop.is_set() and first < 2**30:
                    send(peer, batch(first))
                    first += 2 * BATCH
                    with sent.get_lock():
                        sent.value += BATCH
                    next_at += BATCH * CONNECTIONS / FRAMES_A_SECOND
                    time.sleep(max(0, next_at - time.monotonic()))
                    next_at = max(next_at, time.monotonic() - 1)
        except OSError:
            with refused.get_lock():
                refused.value += 1
            time.sleep(0.01)


def send(peer, data):
    """Sends all of it and throws away what comes; gives up when the server neither takes nor says anything."""
    deadline = time.monotonic() + 2
    while data:
        try:
            data = data[peer.send(data):]
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.001)
        try:
            while True:
                if not peer.recv(1 << 16):
                    raise ConnectionError("closed")
        except BlockingIOError:
            pass


def crowd(port, idle, loris, stop, open_now):
    """Connections that say nothing, and others that say a head a byte a second."""
    peers = {}
    while not stop.is_set():
        begin = time.monotonic()
        for number in range(idle + loris):
            if number not in peers:
                try:
                    peers[number] = socket.create_connection(("127.0.0.1", port), timeout=1)
                    peers[number].sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Slow: " if number < loris else b"")
                except OSError:
                    peers.pop(number, None)
                    break
            if stop.is_set():
                return
        for number in [number for number in peers if number < loris]:
            try:
                peers[number].send(b"x")
            except OSError:
                peers.pop(number).close()
        open_now.value = max(open_now.value, len(peers))
        stop.wait(max(0.0, 1 - (time.monotonic() - begin)))


class Good(threading.Thread):
    """Puts a record and reads it, again and again, on one connection; notes how long each call took."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.times, self.failed, self.stop = port, [], [], threading.Event()

    def run(self):
        client = Client(self.port, KINESIS)
        while not self.stop.is_set():
            for operation, request in (("PutRecord", {"StreamName": STREAM, "PartitionKey": "k", "Data": "AAAA"}),
                                       ("DescribeStreamSummary", {"StreamName": STREAM})):
                try:
                    _, took = proof.timed(lambda: client.call(operation, **request))
                    self.times.append(took)
                except BROKEN + (Refusal,) as why:
                    self.failed.append(repr(why))
                    client = Client(self.port, KINESIS)
            time.sleep(0.002)

    def end(self):
        self.stop.set()
        self.join()
        return proof.percentile(self.times, 0.99)


def beside(server, seconds, attackers, stop, gathered=lambda: True):
    """The good client's p99 and failures, and the most memory, while others do what they do."""
    for attacker in attackers:
        attacker.start()
    deadline = time.monotonic() + GATHER_SECONDS
    while not gathered() and time.monotonic() < deadline:
        time.sleep(0.1)
    good, most, deadline = Good(server.port), 0, time.monotonic() + seconds
    good.start()
    while time.monotonic() < deadline:
        most = max(most, server.memory_bytes())
        time.sleep(0.1)
    tail = good.end()
    stop.set()
    for attacker in attackers:
        attacker.join()
    return tail, good.failed, most


def main():
    options = proof.arguments(__doc__, idle=(8900, 300), loris=(1000, 100), seconds=(15, 1))
    verdict, figures = proof.Verdict("floods"), []
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kinds = multiprocessing.get_context("fork")
    server = proof.Place(options.binary)
    try:
        server.start()
        Client(server.port).call("CreateStream", StreamName=STREAM, ShardCount=1)
        calm, _, base = beside(server, options.seconds, [], threading.Event())
        print(f"calm: p99 {calm * 1000:.1f} ms, {base >> 20} MiB", flush=True)

        def show(name, least, make):
            stop, told = kinds.Event(), [kinds.Value("q", 0), kinds.Value("q", 0)]
            attackers = make(stop, told)
            tail, failed, most = beside(server, options.seconds, attackers, stop, lambda: told[0].value >= least)
            growth = max(0, most - base)
            figures.append(f"{name} p99 {tail * 1000:.1f} ms +{growth >> 20} MiB")
            print(f"{name}: {told[0].value} sent or open, {told[1].value} connections refused; {figures[-1]}", flush=True)
            verdict.expect(not failed, f"{name}: {len(failed)} calls of the good client failed: {failed[:2]}")
            verdict.expect(told[0].value >= least, f"{name}: only {told[0].value} were sent or opened")
            verdict.expect(growth <= MOST_GROWTH_BYTES, f"{name}: the memory grew by {growth >> 20} MiB")
            if not options.short:
                verdict.expect(tail <= MOST_TIMES * calm + JITTER_SECONDS, f"{name}: p99 {tail * 1000:.1f} ms, calm {calm * 1000:.1f}")

        show(f"{options.idle} idle and {options.loris} slow", options.idle + options.loris, lambda stop, told: [
            kinds.Process(target=crowd, args=(server.port, options.idle, options.loris, stop, told[0]), daemon=True)])
        for name, batch in FLOODS.items():
            show(name, BATCH, lambda stop, told, batch=batch: [
                kinds.Process(target=flood, args=(server.port, batch, stop, *told), daemon=True) for _ in range(CONNECTIONS)])
        verdict.expect(Client(server.port).call("ListStreams")["StreamNames"] == [STREAM], "afterwards it is not as before")
    finally:
        server.close()
    verdict.say(f"calm p99 {calm * 1000:.1f} ms, {base >> 20} MiB; {FRAMES_A_SECOND} frames a second; {'; '.join(figures)}")


if __name__ == "__main__":
    main()
