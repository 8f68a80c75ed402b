"""Runs tests on a Linux of their own: Debian's user-mode-linux, over this machine's files, as a program.

That Linux has what a test must not ask of the machine below it: cgroups (v2) with memory and pids to
delegate, and a clock. Needs `linux.uml` (package user-mode-linux). Arguments go to pytest.
"""

# ruff: noqa: T201, S108 -- it speaks on the terminal; the folders are those of the Linux inside

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from itertools import dropwhile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "linux.uml"
MEMORY = "3G"
SECONDS = 900
BASE = "/sys/fs/cgroup/nightbook"
_MARK, _BEGUN = "exit code: ", "booted"

_INIT = """#!/bin/bash
export PATH={path} HOME={home} LANG=C.UTF-8 {variables}
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmpfs /run
mkdir /run/project
mount --bind {root} /run/project
mount -t tmpfs tmpfs /tmp
# A clone below /tmp would be hidden, and so would a home there.
[ -d {root} ] || {{ mkdir -p {root} && mount --bind /run/project {root}; }}
mkdir -p {home}
mount -t tmpfs tmpfs /dev/shm 2>/dev/null || {{ mkdir -p /run/shm; }}
mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up
# As systemd delegates a cgroup to a service.
mkdir {base}
echo '+memory +pids' > /sys/fs/cgroup/cgroup.subtree_control
{python} -c 'import os; os.setxattr("{base}", "user.delegate", b"1")'
echo $$ > {base}/cgroup.procs
cd {root}
echo "{begun}"
{command}
echo "{mark}$?"
echo $$ > /sys/fs/cgroup/cgroup.procs
echo o > /proc/sysrq-trigger
sleep 10
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boot", action="store_true", help="only see whether it boots")
    options, wanted = parser.parse_known_args()
    program = shutil.which(PROGRAM)
    if program is None:
        print(f"✗ there is no program {PROGRAM!r}: install user-mode-linux")
        return 1
    with tempfile.TemporaryDirectory(prefix="nb-linux-") as folder:
        init = ROOT / ".stamps" / f"init-{os.getpid()}.sh"
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *wanted]
        if options.boot:
            command = ["true"]
        init.write_text(
            _INIT.format(
                path=os.environ["PATH"],
                home=Path.home(),
                variables="PYTHONDONTWRITEBYTECODE=1 CI=" + os.environ.get("CI", ""),
                base=BASE,
                python=sys.executable,
                root=ROOT,
                command=shlex.join(command),
                mark=_MARK,
                begun=_BEGUN,
            )
        )
        init.chmod(0o755)
        try:
            return _booted(program, init, folder)
        finally:
            init.unlink()


def _booted(program: str, init: Path, folder: str) -> int:
    """Boot, show what the tests say, and return their exit code."""
    argv = [program, f"mem={MEMORY}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw"]
    argv += [f"init={init}", "con=null", "con0=fd:0,fd:1", "quiet"]
    # Its memory is a file; on a disk it would be slow.
    environment = {**os.environ, "TMPDIR": "/dev/shm" if Path("/dev/shm").is_dir() else folder}
    code = 1
    with subprocess.Popen(
        argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
    ) as machine:
        assert machine.stdout is not None
        try:
            for line in dropwhile(lambda line: line.strip() != _BEGUN, machine.stdout):
                if line.startswith(_MARK):
                    code = int(line.removeprefix(_MARK))
                    break
                print(line, end="", flush=True)
            machine.wait(30)
        except subprocess.TimeoutExpired:
            pass
        finally:
            machine.kill()
    return code


if __name__ == "__main__":
    sys.exit(main())
