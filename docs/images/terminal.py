"""Draws the terminal sessions of the README: types the commands below into a real terminal (tmux), beside a fresh server,
and writes what stands there afterwards as SVG. Needs tmux and `pip install rich`; run from the repository's root after
`cargo build --release`."""

import pathlib
import shlex
import socket
import subprocess
import time
import urllib.request

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "target/release/headwater"
TMUX = ["tmux", "-L", "headwater-images", "-f", "/dev/null"]
PROMPT = "$"
PATIENCE_SECONDS = 60

SESSIONS = {
    "streams": (
        104,
        [
            "headwater stream create orders --shards 2",
            """printf '{"customer":"ann","total":12}\\n{"customer":"bo","total":7}\\n' | headwater put orders --key-field customer""",
            "headwater get orders",
            "headwater stream scale orders 4",
            "headwater stream describe orders",
        ],
    ),
    "tables": (
        104,
        [
            "headwater table create carts customer:S placed:N --stream",
            """headwater table put carts '{"customer": "ann", "placed": 7, "items": ["tea", "cup"]}'""",
            """headwater table put carts '{"customer": "ann", "placed": 9, "items": ["jug"]}'""",
            "headwater table query carts customer=ann 'placed>=8'",
            """headwater table sql "SELECT placed, items[0] FROM carts WHERE customer = 'ann'" """,
            "headwater table get carts ann 7",
        ],
    ),
    "workflow": (104, ["headwater workflow run docs/examples/streams.arazzo.yml --workflow create --input stream=orders --input shards=2"]),
    "bench": (104, ["headwater bench put --seconds 5"]),
}

THEME = TerminalTheme(
    (24, 27, 33),
    (220, 223, 228),
    [(40, 44, 52), (224, 108, 117), (152, 195, 121), (229, 192, 123), (97, 175, 239), (198, 120, 221), (86, 182, 194), (171, 178, 191)],
    [(110, 118, 129), (240, 134, 143), (175, 215, 150), (240, 210, 150), (130, 195, 250), (215, 150, 235), (115, 205, 215), (255, 255, 255)],
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tmux(*arguments):
    return subprocess.run([*TMUX, *arguments], check=True, capture_output=True, text=True).stdout


def wait(otherwise):
    """Until the prompt stands alone on the last line."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while tmux("capture-pane", "-p", "-t", "terminal").rstrip().splitlines()[-1:] != [PROMPT]:
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)


def session(columns, commands, endpoint):
    """What stands in the terminal once all commands have ended, with its colours."""
    environment = {
        "PATH": f"{BINARY.parent}:/usr/bin:/bin",
        "PS1": f"{PROMPT} ",
        "TERM": "tmux-256color",
        "LANG": "C.UTF-8",
        "AWS_ENDPOINT_URL": endpoint,
    }
    shell = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), "bash", "--norc", "--noprofile"]
    tmux("new-session", "-d", "-s", "terminal", "-x", str(columns), "-y", "60", "-c", str(ROOT), shlex.join(shell))
    try:
        wait("the shell does not begin")
        for command in commands:
            tmux("send-keys", "-t", "terminal", "-l", command)
            tmux("send-keys", "-t", "terminal", "Enter")
            time.sleep(0.3)
            wait(f"{command} does not end")
        shown = tmux("capture-pane", "-e", "-p", "-t", "terminal").rstrip("\n ")
        return shown.removesuffix(PROMPT).rstrip("\n \x1b[0m").rstrip() if shown.endswith(PROMPT) else shown
    finally:
        tmux("kill-server")


def draw(name, columns, shown):
    console = Console(record=True, width=columns, file=open("/dev/null", "w"), color_system="truecolor", force_terminal=True)
    console.print(Text.from_ansi(shown), soft_wrap=True)
    svg = console.export_svg(title="headwater", theme=THEME)
    # The fonts rich names are fetched from elsewhere: what the reader has does.
    begin, end = svg.index("@font-face"), svg.rindex("@font-face")
    svg = svg[:begin] + svg[svg.index("}", end) + 1 :]
    svg = svg.replace("Fira Code", "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono")
    (ROOT / "docs/images" / f"{name}.svg").write_text(svg)


def main():
    for name, (columns, commands) in SESSIONS.items():
        endpoint = f"http://127.0.0.1:{(port := free_port())}"
        server = subprocess.Popen([BINARY, "serve", "--ephemeral", "--listen", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                try:
                    urllib.request.urlopen(f"{endpoint}/_headwater/health")
                    break
                except OSError:
                    time.sleep(0.05)
            draw(name, columns, session(columns, commands, endpoint))
            print(f"docs/images/{name}.svg")
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
