#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A command that tries to reach the daemon which runs it. One line a way: `name: got it` or `name: refused (why)`.

    hostile.py UID STATE CREDENTIALS SECONDS [CONFIG RUNTIME UNITS STATUS]
        the daemon's user, state folder and credentials folder; how long what shall live on sleeps; its configuration file, runtime
        folder, the socket of its units, its status address (a port or a path), where they are not the package's

What cannot be seen says `not there`, which is refused, too. Runs under `Commands.Exec` in the booted system (test_hostile.py), and, as
far as that goes, without systemd (tests/e2e/test_hostile_program.py). Standard library only.
"""

import ctypes
import glob
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile

DAEMON_USER, STATE, CREDENTIALS = int(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
MARK = sys.argv[4]
PLACES = dict(zip(("config", "runtime", "units", "status"), sys.argv[5:]))
CONFIG = pathlib.Path(PLACES.get("config", "/etc/jiro/config.yaml"))
RUNTIME = pathlib.Path(PLACES.get("runtime", "/run/jiro-client"))
UNITS = PLACES.get("units", "/run/jiro-command.sock")
STATUS = PLACES.get("status", "9470")
LAST_PID = max([40000, *(int(name) for name in os.listdir("/proc") if name.isdigit())])  # a fresh machine has no higher ones
LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PIDFD_OPEN, PIDFD_GETFD, VM_READV = 16, 434, 438, 310  # of amd64
WAYS = []


def way(name):
    """A function that returns what it got; falsy or an OSError: refused."""

    def add(function):
        WAYS.append((name, function))
        return function

    return add


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def pids():
    """Other users' processes, the daemon's among them. By their numbers: one that /proc hides can still be named."""
    found = []
    for pid in range(2, LAST_PID):
        try:
            os.kill(pid, 0)
        except PermissionError:
            found.append(pid)
        except ProcessLookupError:
            pass
    return found


PIDS = pids()


def any_of(function):
    """The first process with which it works."""
    last = None
    for pid in PIDS:
        try:
            got = function(pid)
            if got:
                return got
        except OSError as error:
            last = error
    if last:
        raise last
    return None


def proc_file(name):
    return any_of(lambda pid: pathlib.Path(f"/proc/{pid}/{name}").read_bytes()[:1] and f"process {pid}")


def http(path, request):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(3)
        connection.connect(path)
        connection.sendall(request.encode())
        answer = connection.recv(200).decode(errors="replace")
    status = answer.split(" ")[1:2]
    if status and status[0] in ("403", "404", "405"):
        raise PermissionError(f"HTTP {status[0]}")
    return answer.splitlines()[0]


@way("read the configuration")
def _():
    return CONFIG.read_bytes()


@way("list the configuration's folder")
def _():
    return os.listdir(CONFIG.parent)


@way("write the configuration")
def _():
    return os.open(CONFIG, os.O_WRONLY)


@way("read a credential")
def _():
    return [path.read_bytes() for path in CREDENTIALS.iterdir()]


@way("read the credentials that systemd holds")
def _():
    return [file for folder in os.listdir("/run/credentials") for file in os.listdir(f"/run/credentials/{folder}")]


@way("read the outbox")
def _():
    return (STATE / "outbox.db").read_bytes()


@way("make a file in the state folder")
def _():
    return os.open(STATE / "planted", os.O_WRONLY | os.O_CREAT)


@way("read the redo log")
def _():
    return (RUNTIME / "redo.log").read_bytes() or "empty, but read"


@way("replace a socket of the daemon")
def _():
    os.rename(RUNTIME / "control.sock", RUNTIME / "moved")
    return True


@way("see the daemon's process")
def _():
    return [path for path in glob.glob("/proc/[0-9]*") if os.stat(path).st_uid == DAEMON_USER]


@way("read an environment")
def _():
    return proc_file("environ")


@way("read a memory map")
def _():
    return proc_file("maps")


@way("read memory by /proc/PID/mem")
def _():
    return any_of(lambda pid: os.open(f"/proc/{pid}/mem", os.O_RDONLY))


@way("list open descriptors")
def _():
    return any_of(lambda pid: os.listdir(f"/proc/{pid}/fd"))


@way("enter by /proc/PID/root")
def _():
    return any_of(lambda pid: os.listdir(f"/proc/{pid}/root{CONFIG.parent}"))


@way("attach by ptrace")
def _():
    return any_of(lambda pid: checked(LIBC.ptrace(PTRACE_ATTACH, pid, 0, 0)) == 0 and f"process {pid}")


@way("read memory by process_vm_readv")
def _():
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_ulong * 2)(ctypes.addressof(buffer), 8)
    return any_of(lambda pid: checked(LIBC.syscall(VM_READV, pid, vector, 1, vector, 1, 0)))


@way("take a descriptor by pidfd_getfd")
def _():
    def take(pid):
        pidfd = checked(LIBC.syscall(PIDFD_OPEN, pid, 0))
        try:
            return checked(LIBC.syscall(PIDFD_GETFD, pidfd, 0, 0)) >= 0
        finally:
            os.close(pidfd)

    return any_of(take)


@way("signal the daemon")
def _():
    return any_of(lambda pid: os.kill(pid, signal.SIGHUP) is None and f"process {pid}")


@way("signal the daemon's group")
def _():
    return any_of(lambda pid: os.killpg(pid, signal.SIGHUP) is None and f"group {pid}")


@way("change the daemon's priority")
def _():
    return any_of(lambda pid: os.setpriority(os.PRIO_PROCESS, pid, 19) is None and f"process {pid}")


@way("change the daemon's limits")
def _():
    import resource

    return any_of(lambda pid: resource.prlimit(pid, resource.RLIMIT_NOFILE))


@way("give an order on the control socket")
def _():
    return http(str(RUNTIME / "control.sock"), "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@way("give an order on the status port")
def _():
    if not STATUS.isdigit():
        return http(STATUS, "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    with socket.create_connection(("127.0.0.1", int(STATUS)), 3) as connection:
        connection.sendall(b"POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        answer = connection.recv(200).decode()
    if " 403 " in answer or " 404 " in answer:
        raise PermissionError(answer.splitlines()[0])
    return answer


@way("ask for a program of one's own")
def _():
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(UNITS)
    return True


@way("find a leaked descriptor")
def _():
    own = set(os.listdir("/proc/self/fd"))
    open_ones = {name for name in own if int(name) > 2 and os.path.exists(f"/proc/self/fd/{name}")}
    kinds = {name: os.readlink(f"/proc/self/fd/{name}") for name in ("0", "1", "2")}
    strange = {name: kind for name, kind in kinds.items() if not kind.startswith(("pipe:", "/dev/null"))}
    return open_ones or strange


@way("find a secret in its environment")
def _():
    known = {"PATH", "LANG", "HOME", "TMPDIR", "JIRO_RUN", "JIRO_COMMAND", "JIRO_COMMAND_ID", "JIRO_SESSION_ID", "LC_CTYPE"}
    return [name for name in os.environ if name not in known and not name.startswith("JIRO_PARAM_")]


@way("tell systemd that the daemon is stopping")
def _():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.connect("/run/systemd/notify")
        notify.send(b"MAINPID=1\nSTOPPING=1\nSTATUS=hostile")
    return None  # accepted as a datagram; the test looks whether the daemon's status has changed


@way("have systemd stop the daemon")
def _():
    done = subprocess.run(["systemctl", "--no-ask-password", "stop", "jiro-client"], capture_output=True, check=False)
    return done.returncode == 0


@way("read the daemon's journal")
def _():
    done = subprocess.run(["journalctl", "-q", "-n", "1", "-u", "jiro-client", "-o", "cat"], capture_output=True, check=False)
    return done.stdout


@way("become another user by sudo or setuid")
def _():
    try:
        os.setuid(DAEMON_USER)
        return True
    except PermissionError:
        done = subprocess.run(["su", "-c", "true", "jiro"], capture_output=True, stdin=subprocess.DEVNULL, check=False)
        return done.returncode == 0


@way("make a set-user-id program")
def _():
    with tempfile.TemporaryFile() as file:
        os.fchmod(file.fileno(), 0o4755)
    return True


@way("leave the control group")
def _():
    group = pathlib.Path("/proc/self/cgroup").read_text().strip().split("::")[-1]
    for target in ("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/system.slice/jiro-client.service/cgroup.procs"):
        try:
            pathlib.Path(target).write_text(str(os.getpid()))
        except OSError as error:
            last = error
    if pathlib.Path("/proc/self/cgroup").read_text().strip().split("::")[-1] != group:
        return True
    raise last


def live_on():
    """Families that a test looks for afterwards: none may be alive."""
    for prefix in ([], ["setsid"], ["setsid", "-f"], ["env", "-i", "setsid", "-f"], ["nohup", "setsid", "-f"]):
        subprocess.Popen([*prefix, "sleep", MARK], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.environ.clear()
            os.execv("/bin/sleep", ["sleep", MARK])
        os._exit(0)


for name, function in WAYS:
    try:
        got = function()
        print(f"{name}: {'GOT IT' if got else 'refused'}" + (f" ({str(got)[:60]!r})" if got else ""))
    except FileNotFoundError as error:
        print(f"{name}: refused (not there: {error.filename})")
    except Exception as error:  # whatever stops it
        print(f"{name}: refused ({getattr(error, 'strerror', None) or error})")
live_on()
