#!/usr/bin/env python3
"""Power cuts: Kinesis, DynamoDB and Firehose under load on a file system that forgets what was not synced, the server
killed and the power cut, again and again, also while it starts. Of what was not synced – bytes, lengths, names – nothing, a
part or nearly all is left, by chance. Nothing acknowledged may be lost, stand twice or out of order.

First it is shown that the file system forgets: bytes, a name, a rename; and that it keeps what was synced.

`forgetful.py BINARY DISK [--rounds N] [--short] [--seed N]`.
"""
import os
import random

import load
import proof

# So many cuts a folder; then everything is read and the next folder begins anew.
ROUNDS_A_FOLDER = (1, 12)


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


def main():
    options = proof.arguments(__doc__, rounds=(200, 6))
    verdict, rng = proof.Verdict("forgetful"), random.Random(options.seed)
    print("forgotten:", forgets(options, verdict), flush=True)
    lives = load.Lives(options, rng, verdict, ROUNDS_A_FOLDER, lambda: proof.Disk(options.disk))
    verdict.expect(lives.pages > 0 and lives.changes > 0, "no cut took anything")
    verdict.say(f"{lives}, {lives.pages} pages and {lives.changes} changes of names forgotten; seed {options.seed}")


if __name__ == "__main__":
    main()
