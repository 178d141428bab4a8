#!/usr/bin/env python3
"""Power cuts: Kinesis, DynamoDB and Firehose under load on a file system that forgets what was not synced, the server
killed and the power cut, again and again, also while it starts. Of what was not synced – bytes, lengths, names – nothing, a
part or nearly all is left, by chance. Nothing acknowledged may be lost, stand twice or out of order.

First it is shown that the file system forgets: bytes, a name, a rename; and that it keeps what was synced.

`forgetful.py BINARY DISK [--rounds N] [--short] [--seed N]`.
"""
import os
import random
import time

import load
import proof

# So many cuts a folder; then everything is read and the next folder begins anew.
ROUNDS_A_FOLDER = (1, 12)
LOAD_SECONDS = (0.02, 0.5)
# How often a start is cut short, too, and how late.
CUT_STARTS, START_SECONDS = 0.3, (0.0, 0.12)


def forgets(options, verdict):
    """Shows that a cut takes what was not synced, and leaves what was."""
    rng, lost = random.Random(options.seed), {"bytes": 0, "name": 0, "rename": 0}
    disk = proof.Disk(options.disk)
    for number in range(30):
        folder = disk.folder / f"folder-{number}"
        folder.mkdir()
        sync(disk.folder)
        kept = folder / "kept"
        kept.write_bytes(b"synced")
        sync(kept)
        sync(folder)
        with open(kept, "r+b") as file:
            file.seek(8192)
            file.write(b"not synced")
        (folder / "new").write_bytes(b"synced, but not its name")
        sync(folder / "new")
        disk.cut(rng)
        found = kept.read_bytes()
        verdict.expect(found[:6] == b"synced", "the file system lost synced bytes")
        lost["bytes"] += found[8192:] != b"not synced"
        lost["name"] += not (folder / "new").exists()
        os.rename(kept, folder / "renamed")
        disk.cut(rng)
        verdict.expect(kept.exists() != (folder / "renamed").exists(), "half a rename")
        lost["rename"] += kept.exists()
    disk.close()
    for what, times in lost.items():
        verdict.expect(times > 0, f"the file system forgot no {what}")
    return ", ".join(f"{times} of 30 {what}" for what, times in lost.items())


def sync(path):
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


class Folder:
    """One folder from its first start to the reading of everything."""

    def __init__(self, options, rng, verdict):
        self.rng, self.verdict = rng, verdict
        self.disk = proof.Disk(options.disk)
        self.server = proof.Place(options.binary, self.disk)
        self.pages, self.changes, self.restarts = 0, 0, []

    def cut(self):
        self.server.kill()
        pages, changes = self.disk.cut(self.rng)
        self.pages, self.changes = self.pages + pages, self.changes + changes

    def start(self):
        """Starts it, sometimes after starts that were cut short; whether it answers."""
        while self.rng.random() < CUT_STARTS:
            self.server.begins()
            time.sleep(self.rng.uniform(*START_SECONDS))
            self.cut()
        up, took = proof.timed(self.server.starts)
        self.restarts.append(took)
        return self.verdict.expect(up, f"it does not start: {self.server.last_words()[-600:]}")

    def run(self, rounds):
        """Acknowledged writes of so many rounds."""
        if not self.start():
            return 0
        written = load.Load(self.server, self.rng)
        list(written.create(encrypt=self.rng.random() < 0.5))
        for number in range(rounds):
            written.begin()
            time.sleep(self.rng.uniform(*LOAD_SECONDS))
            self.cut()
            written.join()
            if not self.start():
                break
            wrong = written.last_faults() if number + 1 == rounds else written.faults()
            for sentence in wrong[:5]:
                self.verdict.expect(False, sentence)
            if wrong:
                break
        return written.count()

    def close(self):
        self.server.close()
        self.disk.close()


def main():
    options = proof.arguments(__doc__, rounds=(200, 6))
    verdict, rng = proof.Verdict("forgetful"), random.Random(options.seed)
    print("forgotten:", forgets(options, verdict), flush=True)
    done, folders, acknowledged, pages, changes, restarts = 0, 0, 0, 0, 0, []
    while done < options.rounds and not verdict.faults:
        folder = Folder(options, rng, verdict)
        rounds = min(rng.randint(*ROUNDS_A_FOLDER), options.rounds - done)
        try:
            acknowledged += folder.run(rounds)
        finally:
            folder.close()
        done, folders = done + rounds, folders + 1
        pages, changes = pages + folder.pages, changes + folder.changes
        restarts += folder.restarts
        print(f"round {done}: {acknowledged} acknowledged, {pages} pages and {changes} names forgotten", flush=True)
    verdict.expect(pages > 0 and changes > 0, "no cut took anything")
    verdict.say(f"{done} rounds on {folders} folders, {acknowledged} writes acknowledged, {pages} pages and {changes} "
                f"changes of names forgotten, longest start {max(restarts):.2f} s; seed {options.seed}")


if __name__ == "__main__":
    main()
