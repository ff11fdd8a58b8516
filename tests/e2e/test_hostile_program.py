# SPDX-License-Identifier: MIT
"""A program that means harm, in a unit of another user, where no systemd is: what users and modes alone keep from it.

The same program as tests/system/test_hostile.py runs in the booted system, where the unit's sandbox comes to it.
"""

import os
import pathlib
import shutil
import subprocess
import unittest

from harness.case import DaemonTest, wait_until
from harness.programs import CLIENT, clean_environment
from harness.units import Units

OWN = os.getpid() % 2000  # the same program may run beside this one, and must not meet it
DAEMON, PROGRAMS = 61000 + 2 * OWN, 61001 + 2 * OWN  # users that nobody else is
PYTHON = "/usr/bin/python3"
HOSTILE = pathlib.Path(__file__).resolve().parents[1] / "system" / "hostile.py"
MARK = str(86400 + OWN)  # seconds that nobody else sleeps
# What only the unit's sandbox keeps from it: ProtectProc=invisible, RestrictSUIDSGID=yes.
OF_THE_SANDBOX = {"see the daemon's process", "make a set-user-id program"}


def become(user):
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--"]


def can_become():
    if os.geteuid() != 0 or not shutil.which("setpriv") or not pathlib.Path(PYTHON).exists():
        return False
    return all(subprocess.run([*become(user), CLIENT, "--version"], capture_output=True, check=False).returncode == 0 for user in (DAEMON, PROGRAMS))


def sleepers():
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == f"sleep\0{MARK}\0".encode():
                found.append(path.parent.name)
        except OSError:
            pass
    return found


@unittest.skipUnless(can_become(), "the daemon and its programs become other users, which takes root, setpriv and a python3 for all")
class HostileProgramTest(DaemonTest):
    def start_as_others(self, **members):
        """With the modes that the package and the unit give: the configuration 0640, the state 0700, the runtime folder 0755."""
        root = self.directory.path
        root.chmod(0o755)
        for name, mode in (("etc", 0o750), ("run", 0o755), ("credentials", 0o700), ("state", 0o700)):
            (root / name).mkdir(exist_ok=True)
            (root / name).chmod(mode)
            os.chown(root / name, DAEMON, DAEMON)
        (root / "credentials" / "api-key").write_text("key-of-the-test\n")
        shutil.copy(HOSTILE, root / "hostile.py")
        (root / "hostile.py").chmod(0o755)

        self.units = Units(root / "units.sock", wrapper=become(PROGRAMS))
        self.addCleanup(self.units.stop)
        os.chmod(self.units.path, 0o600)
        os.chown(self.units.path, DAEMON, DAEMON)
        places = [root / "etc" / "config.yaml", root / "run", self.units.path, root / "run" / "status.sock"]
        program = [PYTHON, root / "hostile.py", DAEMON, root / "state", root / "credentials", MARK, *places]
        commands = {"hostile": {"Program": [str(word) for word in program], "TimeoutMs": 120000, **members}}
        config = {
            "Commands": {"UnitSocket": self.units.path, "Exec": commands},
            "Monitoring": {"Listen": f"unix:{root / 'run' / 'status.sock'}"},
            "Outbox": {"RedoLog": str(root / "run" / "redo.log")},
        }
        self.start_hub()
        self.start_grpc()
        self.start_client(config=config, environment={"RUNTIME_DIRECTORY": str(root / "run"), "JIRO_APIKEY": "canary-key"}, wrapper=become(DAEMON), start=False)
        self.client.socket = str(root / "run" / "status.sock")
        self.client.config_file = places[0]
        self.client.write_config()
        places[0].chmod(0o640)
        os.chown(places[0], 0, DAEMON)
        self.client.start()
        return self.connection()

    def test_it_reaches_nothing(self):
        link = self.start_as_others()
        pid = self.client.pid
        nice = os.getpriority(os.PRIO_PROCESS, pid)
        link.command("hostile", "h")
        answer = self.result("h", 90)
        self.assertTrue(answer.is_success, answer)
        lines = [line for line in answer.response.splitlines() if line and "output_incomplete" not in line]  # of what it left behind
        got = {line.split(":")[0] for line in lines if ": refused" not in line}
        self.assertEqual(got, OF_THE_SANDBOX, answer.response)
        self.assertGreaterEqual(len(lines) - len(got), 25)
        self.assertNotIn("canary", answer.response)
        wait_until(lambda: not sleepers(), "nothing of it lives on", 10)
        self.assertEqual((self.client.pid, os.getpriority(os.PRIO_PROCESS, pid)), (pid, nice))
        self.assertFalse((self.directory.path / "run" / "moved").exists())
        self.assert_serves(link)

    def test_it_ends_with_the_daemon(self):
        link = self.start_as_others(Program=["/bin/sh", "-c", f"setsid sleep {MARK} & exec sleep {MARK}"])
        link.command("hostile", "h")
        wait_until(lambda: len(sleepers()) == 2, "it runs", context=self.client.tail)
        self.client.kill()
        wait_until(lambda: not sleepers(), "nothing of it is alive", 10)

    @unittest.skipUnless(os.geteuid() == 0, "the daemon becomes another user, under a /proc of its own")
    def test_a_program_that_hides_gives_no_orders(self):
        """With ProtectProc=invisible one that makes itself undumpable shows its parent to nobody of its own user."""
        user = 65534
        hides = self.directory / "hides.py"
        hides.write_text(
            "import ctypes, os, socket, sys\n"
            "def order(route):\n"
            "    order = socket.socket(socket.AF_UNIX)\n"
            "    order.connect(sys.argv[1])\n"
            "    order.sendall(f'POST {route} HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n'.encode())\n"
            "    print(order.recv(100).split()[1].decode(), end=' ', flush=True)\n"
            "if len(sys.argv) > 2: sys.exit(order('/reload'))  # it is seen, below one that hides\n"
            "ctypes.CDLL(None).prctl(4, 0)  # PR_SET_DUMPABLE\n"
            "if os.fork() != 0: sys.exit(os.wait()[1])\n"
            "order('/pause')\n"
            "order('/reload')  # as its SIGHUP would do\n"
            "if os.fork() != 0: sys.exit(os.wait()[1])\n"
            "os.execv(sys.executable, [sys.executable, *sys.argv, 'seen'])\n")
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        own_proc = ["unshare", "--mount", "sh", "-c", 'mount -t proc -o hidepid=invisible proc /proc && exec "$@"', "sh"]
        if subprocess.run([*own_proc, "true"], check=False, capture_output=True).returncode != 0:
            self.skipTest("no /proc can be mounted here")
        self.directory.path.chmod(0o755)
        os.chown(self.directory.path, user, user)
        self.start_hub()
        self.start_grpc()
        program = {"Program": [PYTHON, str(hides), str(self.directory / "client.sock")]}
        self.start_client(start=False, config={"Outbox": {"RedoLog": None}, "Commands": {"RunAs": "daemon", "Exec": {"hides": program}}},
                          wrapper=[*own_proc, *as_user])
        self.client.config_file.chmod(0o644)
        (self.directory / "state").mkdir(exist_ok=True)
        os.chown(self.directory / "state", user, user)
        self.client.start()
        self.connection().command("hides", "h")
        self.assertEqual(self.result("h").response.split(), ["403", "200", "403"])
        asked = subprocess.run([*as_user, CLIENT, "running", "--config", str(self.client.config_file)], env=clean_environment(),
                               capture_output=True, text=True, check=False)
        self.assertEqual(asked.stdout, "Nothing runs\n", asked)  # an operator of that user, whose sudo hides


if __name__ == "__main__":
    unittest.main()
