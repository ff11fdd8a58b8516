# SPDX-License-Identifier: MIT
"""One booted machine: systemd as process 1 of a container, on a file system in memory, with a network of its own.

Nothing here needs a running systemd, machined or KVM. Where the host's control groups are of version 1 or mixed, the
container gets a group of the version 2 hierarchy as its whole tree, so that its systemd runs as on any Debian 12. All of
it ends with this process, however that ends: the mounts lie in a mount namespace of ours (run.py), the processes in a
process namespace that dies with us.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from .waiting import wait_until

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# A shell that moves into the group $1 and gives the container that group as /sys/fs/cgroup.
ENTER = """
echo $$ > "$1/cgroup.procs"; shift
exec setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
    sh -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"' sh "$@"
"""


class CannotBoot(Exception):
    """This host cannot boot a systemd; the text says why."""


class Failed(Exception):
    """A command in the machine ended with an exit code that was not expected."""


def cgroup2():
    """Where the version 2 hierarchy is mounted."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        fields = line.split()
        if fields[2] == "cgroup2":
            return pathlib.Path(fields[1])
    raise CannotBoot("no cgroup2 hierarchy is mounted")


class Machine:
    def __init__(self, tar, network=False):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="jiro-system-"))
        self.root = self.directory / "root"
        self.group = None
        self.process = None
        try:
            self._unpack(tar)
            self._boot(network)
        except BaseException:
            self.stop()
            raise

    def _unpack(self, tar):
        self.root.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g,mode=755", "tmpfs", self.root], check=True)
        subprocess.run(["tar", "-C", self.root, "-xf", tar], check=True)
        (self.root / "etc/machine-id").write_text("")
        # The journal on disk, as on a server, so that it outlives a restart of journald.
        (self.root / "var/log/journal").mkdir(exist_ok=True)

    def _boot(self, network):
        self.group = cgroup2() / f"jiro-system-{os.getpid()}-{self.directory.name[-8:]}"
        try:
            self.group.mkdir()
        except OSError as error:
            raise CannotBoot(f"no control group can be made: {error}") from error
        console = self.directory / "console.log"
        nspawn = ["systemd-nspawn", "-q", "-b", "-D", self.root, "-M", f"jiro-{os.getpid()}", "--register=no"]
        nspawn += ["--keep-unit", "--console=read-only", "--link-journal=no"]
        nspawn += [] if network else ["--private-network"]
        # Without these two the unit's IPAddressDeny= and DeviceAllow= are silently without effect in a container.
        nspawn += ["--capability=CAP_BPF", "--system-call-filter=bpf", "systemd.log_target=journal"]
        with open(console, "wb") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", ENTER, "sh", self.group, *nspawn], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.leader = None
        deadline = time.monotonic() + 60
        while not self._is_up():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise CannotBoot("systemd-nspawn: " + console.read_text(errors="replace").strip()[-500:])
            time.sleep(0.05)
        self.run("systemctl", "is-system-running", "--wait", check=False, timeout=60)

    def _is_up(self):
        try:
            first = (self.group / "payload/init.scope/cgroup.procs").read_text().split()[0]
        except (OSError, IndexError):
            return False
        self.leader = int(first)
        return (pathlib.Path("/proc") / first / "root/run/systemd/private").is_socket()

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
        if self.group and self.group.exists():
            wait_until(self._remove_groups, "the machine's control groups are empty", 20)
        subprocess.run(["umount", "-q", "-l", self.root], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _remove_groups(self):
        for path, _, _ in os.walk(self.group, topdown=False):
            try:
                os.rmdir(path)
            except OSError:
                pass
        return not self.group.exists()

    def command(self, *words):
        """The words as they are run from here."""
        enter = ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--"]
        environment = ["env", "-i", f"PATH={PATH}", "HOME=/root", "TERM=dumb", "LC_ALL=C.UTF-8", "SYSTEMD_COLORS=0"]
        environment += ["SYSTEMD_PAGER=", "DEBIAN_FRONTEND=noninteractive"]
        return [*enter, *environment, *map(str, words)]

    def run(self, *words, check=True, timeout=60, stdin=""):
        """Runs a command in the machine and returns what it was: returncode, stdout, stderr."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, input=stdin, timeout=timeout, errors="replace")
        if check and done.returncode != 0:
            raise Failed(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self, *words):
        """A command that goes on while the test does."""
        return subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def out(self, *words, **options):
        return self.run(*words, **options).stdout.strip()

    def shell(self, script, **options):
        return self.run("bash", "-c", script, **options)

    def path(self, inside):
        """A path of the machine as seen from here; symbolic links that are absolute lead astray."""
        return self.root / str(inside).lstrip("/")

    def write(self, inside, text, mode=0o644):
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def copy(self, file):
        """Copies a file of ours to /root; returns its path inside."""
        shutil.copy(file, self.path("/root"))
        return "/root/" + pathlib.Path(file).name
