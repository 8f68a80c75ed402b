"""The sandbox of an attempt: what a program inside finds, and what this says where it cannot be made."""

import json
import os
import re
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from nightbook_executor.bubblewrap import Bubblewrap, CannotSandboxError, Room


@pytest.fixture
def room(needs_bubblewrap: None, tmp_path: Path) -> Room:
    for name in ("attempt", "attempt/work", "t"):
        (tmp_path / name).mkdir()
    return Room(tmp_path / "attempt", (tmp_path / "attempt" / "work",), tmp_path / "t")


def found(**options: object) -> Bubblewrap:
    return Bubblewrap.found(**{"network": "none", "host": os.environ, "home": Path.home(), **options})


def inside(room: Room, code: str, bubblewrap: Bubblewrap | None = None, **environment: str) -> dict:
    """Run Python in a sandbox; what it leaves in `found` comes back. Its own parent has a secret."""
    program = f"found = {{}}\n{textwrap.dedent(code)}\nimport json; print(json.dumps(found))"
    launch = (bubblewrap or found()).launch([sys.executable, "-I", "-c", program], environment, room)
    with_secret = (
        "import os, sys; from nightbook_executor.bubblewrap import Launch; "
        "Launch(sys.argv[2:], [int(fd) for fd in sys.argv[1].split(',')]).execute()"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", with_secret, ",".join(map(str, launch.files)), *launch.argv],
            env={**os.environ, "NIGHTBOOK_TOKEN": "nb_wrk_secret"},
            pass_fds=launch.files,
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        launch.close()
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def attempts(*tried: str) -> str:
    """Code that tries each expression, and notes None or the error's name."""
    return "import ctypes, os, socket\n" + "\n".join(
        f"try:\n    {each}\n    found[{each!r}] = None\n"
        f"except Exception as error:\n    found[{each!r}] = type(error).__name__"
        for each in tried
    )


def test_a_program_gets_its_own_environment_and_nobody_elses(room):
    seen = inside(
        room,
        """
        import os
        found["own"] = dict(os.environ)
        found["init"] = open("/proc/1/environ").read()
        found["lines"] = [open(f"/proc/{pid}/cmdline").read() for pid in os.listdir("/proc") if pid.isdigit()]
        """,
        PLAN="fly",
    )

    assert seen["own"]["PLAN"] == "fly"
    assert set(seen["own"]) <= {"PLAN", "PWD", "LC_CTYPE"}
    assert seen["init"] == ""
    assert not any("fly" in line or "secret" in line for line in seen["lines"])


def test_there_is_no_other_process_no_capability_and_no_way_to_new_privileges(room):
    seen = inside(
        room,
        """
        import os
        status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"):
            found[name] = int(status[name], 16)
        found["pids"] = sorted(int(pid) for pid in os.listdir("/proc") if pid.isdigit())
        found["ids"] = [os.getuid(), os.getgid(), os.getgroups(), os.uname().nodename]
        """,
    )

    assert [seen[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == [0] * 5
    assert (seen["NoNewPrivs"], seen["Seccomp"]) == (1, 2)
    assert seen["pids"] == [1, 2]
    assert seen["ids"] in ([65534, 65534, [], "nightbook"], [65534, 65534, [65534], "nightbook"])


def test_only_the_rooms_own_places_can_be_written(room):
    writable = [f"{room.writable[0]}/x", "/tmp/x", "/var/tmp/x", "/dev/shm/x"]
    other = [f"{room.folder}/x", "/x", "/dev/x", "/etc/x", "/usr/x", f"{sys.prefix}/x", "/etc/passwd"]

    seen = inside(room, attempts(*(f"open({path!r}, 'a')" for path in (*writable, *other))))

    assert [seen[f"open({path!r}, 'a')"] for path in writable] == [None] * 4
    assert {seen[f"open({path!r}, 'a')"] for path in other} == {"OSError"}
    assert (room.temporary / "x").exists()


def test_the_files_of_the_host_are_not_there(room, tmp_path):
    neighbour = tmp_path / "other" / "work"
    neighbour.mkdir(parents=True)
    (neighbour / "secret").write_text("x")

    seen = inside(
        room,
        attempts(
            f"open({str(neighbour / 'secret')!r})",
            "open('/etc/shadow')",
            "open('/etc/ssh/ssh_host_ed25519_key')",
            f"os.stat({str(Path.home() / '.ssh')!r})",
            "os.stat('/var/lib')",
            "os.stat('/sys/kernel')",
        ),
    )

    assert set(seen.values()) == {"FileNotFoundError"}


def test_a_worker_that_is_root_lends_its_uid_and_still_the_kernel_cannot_be_set(room):
    seen = inside(
        room,
        attempts(
            "os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY)",
            "os.open('/proc/sys/vm/drop_caches', os.O_WRONLY)",
            "os.chmod('/usr/bin/env', 0o755)",
        ),
    )

    assert set(seen.values()) <= {"OSError", "PermissionError"}
    devices = inside(
        room, "found['zero'] = open('/dev/zero', 'rb').read(2).hex(); open('/dev/null', 'w').write('x')"
    )
    assert devices == {"zero": "0000"}


def test_nothing_is_reached_without_a_network_and_the_loopback_is_its_own(room):
    seen = inside(
        room,
        attempts(
            "socket.create_connection(('127.0.0.1', 5432), 2)",
            "socket.create_connection(('169.254.169.254', 80), 2)",
            "socket.getaddrinfo('localhost', 80)",
            "socket.getaddrinfo('example.org', 80)",
        )
        + "\nfound['interfaces'] = [name for _, name in socket.if_nameindex()]",
    )

    assert seen.pop("interfaces") == ["lo"]
    assert seen.pop("socket.getaddrinfo('localhost', 80)") is None
    assert set(seen.values()) <= {"ConnectionRefusedError", "OSError", "gaierror"}
    assert None not in seen.values()


def test_an_open_network_is_the_hosts(room):
    seen = inside(
        room,
        """
        import os, socket
        found["interfaces"] = len(socket.if_nameindex())
        found["hosts"] = os.path.exists("/etc/resolv.conf")
        """,
        found(network="open"),
    )

    assert seen["interfaces"] == len(socket.if_nameindex())
    assert seen["hosts"] == Path("/etc/resolv.conf").exists()


def test_shown_folders_can_be_read_and_hidden_ones_not(room, tmp_path):
    shown = tmp_path / "data"
    (shown / "secrets").mkdir(parents=True)
    (shown / "sales.csv").write_text("day,sum\n")
    (shown / "secrets" / "token").write_text("x")
    (shown / "settings.toml").write_text("token = 'x'")
    hidden = [shown / "secrets", shown / "settings.toml"]

    seen = inside(
        room,
        f"""
        import os
        found["data"] = open({str(shown / "sales.csv")!r}).read()
        found["secrets"] = os.listdir({str(shown / "secrets")!r})
        try:
            open({str(shown / "settings.toml")!r})
        except OSError:
            found["settings"] = "closed"
        """,
        found(wanted=[shown], hidden=hidden),
    )

    assert seen == {"data": "day,sum\n", "secrets": [], "settings": "closed"}


def test_shared_memory_has_an_end(room):
    seen = inside(
        room,
        """
        import os
        size = os.statvfs("/dev/shm")
        found["bytes"] = size.f_blocks * size.f_frsize
        root = os.statvfs("/")
        found["read_only"] = bool(root.f_flag & os.ST_RDONLY)
        """,
    )

    assert seen == {"bytes": 256 * 1024**2, "read_only": True}


def test_whoever_starts_it_takes_it_along(room, tmp_path):
    code = (
        "import subprocess, time\n"
        "subprocess.Popen(['setsid', 'sleep', '300'])\n"
        "print(1, flush=True)\n"
        "time.sleep(300)"
    )
    launch = found().launch([sys.executable, "-I", "-c", code], {"PATH": "/usr/bin"}, room)
    process = subprocess.Popen(launch.argv, env={}, pass_fds=launch.files, stdout=subprocess.PIPE)
    launch.close()
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        all_of_it = psutil.Process(process.pid).children(recursive=True)
        process.kill()

    assert len(all_of_it) == 3  # init, Python, and what left its session
    _, alive = psutil.wait_procs(all_of_it, timeout=10)
    assert alive == []


# ---------------------------------------------------------------- where it cannot be made


def test_the_proof_tells_the_version(room):
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?", found().prove(room))


def pretend(tmp_path: Path, script: str) -> dict[str, str]:
    """A host whose `bwrap` is a script."""
    program = tmp_path / "bin" / "bwrap"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": str(program.parent)}


@pytest.mark.parametrize(
    ("script", "why", "step"),
    [
        ("echo bubblewrap 0.6.1", "bubblewrap 0.6.1 is too old", "0.8 or newer"),
        ("echo nothing", "does not tell its version", "0.8 or newer"),
        (
            '[ "$1" = --version ] && echo bubblewrap 0.9.0 && exit\n'
            'echo "bwrap: setting up uid map: Permission denied" >&2; exit 1',
            "user namespaces are closed to this worker",
            "sysctl|container",
        ),
        (
            '[ "$1" = --version ] && echo bubblewrap 0.9.0 && exit\necho "bwrap: odd" >&2; exit 1',
            r"a trial failed \(bwrap: odd\)",
            "process",
        ),
        # It starts the program, but in no sandbox.
        (
            '[ "$1" = --version ] && echo bubblewrap 0.9.0 && exit\nshift 3; exec "$@"',
            "capabilities are left|no filter of system calls",
            "process",
        ),
    ],
)
def test_a_sandbox_that_does_not_hold_is_refused_with_the_next_step(room, tmp_path, script, why, step):
    with pytest.raises(CannotSandboxError, match=why) as refused:
        found(host=pretend(tmp_path, script)).prove(room)

    assert re.search(step, refused.value.next_step)
    assert "\n" not in str(refused.value)


def test_a_host_without_the_program_is_told_what_to_install(tmp_path):
    with pytest.raises(CannotSandboxError, match="no program 'bwrap'; install"):
        found(host={"PATH": str(tmp_path)})


def test_a_shown_folder_that_is_not_there_is_a_mistake(needs_bubblewrap, tmp_path):
    with pytest.raises(CannotSandboxError, match="NIGHTBOOK_SANDBOX_READABLE"):
        found(wanted=[tmp_path / "gone"])
