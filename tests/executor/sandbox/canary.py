# ruff: noqa: PTH115, PTH118, PTH207, PTH208 -- the plain calls are what a notebook uses
"""Tries to do what a notebook should not, and notes what it could. Each part is a cell of it.

A try returns what it got, or raises.
"""

import ctypes
import glob
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

# %% parameters
attempts = ""  # the folder of all attempts of this worker
token_file = ""
home = ""  # the home folder of the worker's user
outside = ""  # a file that is not there yet, in a folder that the worker's user may write
worker = 0  # the worker's process
port = 0  # where something listens on the loopback
abstract = ""  # where something listens in the abstract namespace of unix sockets
seconds = ""  # a number of seconds to sleep that nobody else sleeps

# %%
found = {}
mine = Path.cwd().parent


def tries(to):
    def note(attempt):
        try:
            found[to] = {"can": bool(attempt()), "why": ""}
        except Exception as error:
            found[to] = {"can": False, "why": f"{type(error).__name__}: {error}"}

    return note


def others():
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def readable(pid, name):
    try:
        return Path("/proc", str(pid), name).read_bytes()
    except OSError:
        return b""


# %%
@tries("read the worker's settings in its own environment")
def _():
    return [name for name in os.environ if name.startswith("NIGHTBOOK_")]


@tries("read another run's files")
def _():
    files = [Path(name) for name in glob.glob(os.path.join(attempts, "*", "work", "mine.txt"))]
    return [file.read_text() for file in files if not file.is_relative_to(mine)]


@tries("read the worker's token file")
def _():
    return Path(token_file).read_text()


@tries("list the home folder of the worker's user")
def _():
    return os.listdir(home)


@tries("read the environment of the worker's process")
def _():
    return b"PATH" in readable(worker, "environ")


@tries("see the processes of another run")
def _():
    own = os.environ["NB_ATTEMPT"].encode()
    return [
        pid for pid in others() if b"NB_ATTEMPT=" in (text := readable(pid, "environ")) and own not in text
    ]


@tries("open the files of the process that records the run")
def _():
    opened = []
    for pid in others():
        try:
            opened += [os.readlink(file) for file in glob.glob(f"/proc/{pid}/fd/*")]
        except OSError:
            continue
    return [name for name in opened if name == str(mine / "journal.jsonl")]


@tries("write into the run's own record")
def _():
    return os.close(os.open(mine / "journal.jsonl", os.O_WRONLY | os.O_APPEND)) is None


@tries("write a file outside of its folder")
def _():
    return Path(outside).write_text("canary")  # into whatever this name leads to; the test looks from outside


@tries("make a user namespace")
def _():
    code = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x10000000) != 0)"
    return subprocess.run([sys.executable, "-c", code]).returncode == 0


@tries("trace another process")
def _():
    seize, detach = 0x4206, 17
    libc = ctypes.CDLL(None, use_errno=True)
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        if libc.ptrace(seize, sleeper.pid, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")
        libc.ptrace(detach, sleeper.pid, None, None)
        return True
    finally:
        sleeper.kill()
        sleeper.wait()


@tries("send a signal to the worker")
def _():
    os.kill(worker, signal.SIGCONT)
    return True


@tries("reach a server on this machine")
def _():
    return socket.create_connection(("127.0.0.1", port), 3)


@tries("reach a socket of another program")
def _():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0{abstract}")
    return True


# %%
# Whoever has no network finds no metadata service of a cloud either. Where there is one, nobody is asked.
if not found["reach a server on this machine"]["can"]:

    @tries("reach the metadata of a cloud")
    def _():
        return socket.create_connection(("169.254.169.254", 80), 3)


# %%
# A session of its own, twice forked, deaf to hang-ups: it ends with the run or it does not.
subprocess.run(["sh", "-c", f"setsid sh -c 'nohup sleep {seconds} >/dev/null 2>&1 &' &"], check=True)
while not any(seconds.encode() in readable(pid, "cmdline").split(b"\0") for pid in others()):
    time.sleep(0.01)
Path("outputs").mkdir(exist_ok=True)
Path("outputs/findings.json").write_text(json.dumps(found, indent=1))
print("done", flush=True)
