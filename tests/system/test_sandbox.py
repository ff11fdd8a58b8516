# SPDX-License-Identifier: MIT
"""What a command can and cannot do inside the shipped unit, tried by a program that the daemon runs.

Each thing that must be refused is tried outside the unit, too, by root: what the machine itself refuses there (it is a
container) would prove nothing, and is printed as such.
"""

import unittest

from harness.case import SystemTest

# name: a line of shell. Exit code 0: it could.
FORBIDDEN = {
    "read the daemon's environment": "cat /proc/$DAEMON/environ",
    "read the daemon's memory": "head -c 1 /proc/$DAEMON/mem || grep -q . /proc/$DAEMON/maps",
    "list the daemon's descriptors": "ls /proc/$DAEMON/fd/",
    "see other users' processes": "test -e /proc/1/status",
    "read the configuration's credentials": "cat /etc/jiro/credentials/api-key",
    "read the shadow passwords": "cat /etc/shadow",
    "write /usr": "touch /usr/probe",
    "write /etc": "touch /etc/probe",
    "write the configuration": "echo >> /etc/jiro/config.yaml",
    "write /var/log": "touch /var/log/probe",
    "write /boot": "mkdir -p /boot && touch /boot/probe",
    "write the runtime folder of others": "touch /run/systemd/probe",
    "write the machine's lock folder": "touch /run/lock/probe",
    "see the machine's shared memory": "test -e /dev/shm/of-the-machine",
    "read a home": "cat /home/someone/private",
    "see others' temporary files": "test -e /tmp/of-the-machine",
    "write a kernel setting": "echo 1 > /proc/sys/vm/drop_caches",
    "write a control group": "mkdir /sys/fs/cgroup/probe && rmdir /sys/fs/cgroup/probe",
    "read the kernel's log": "dmesg",
    "mount": "mkdir -p /tmp/m && mount -t tmpfs tmpfs /tmp/m",
    "make a user namespace": "unshare --user true",
    "make a network namespace": "unshare --net true",
    "change the host's name": "hostname \"$(hostname)\"",
    "set the clock": "date -s @1",
    "make a set-user-id program": "cp /bin/true /tmp/suid && chmod u+s /tmp/suid",
    "a packet socket": "perl -MSocket -e 'socket(S, 17, SOCK_RAW, 0) or die $!'",
    "a netlink socket": "perl -MSocket -e 'socket(S, 16, SOCK_RAW, 0) or die $!'",
    "another personality": "setarch --32bit true || setarch i686 true",
    "real-time scheduling": "chrt --fifo 1 true",
    "use a block or character device": "mknod /tmp/device c 1 3",
    "memory that is writable and executable": "perl -e '$m = syscall(9, 0, 4096, 7, 34, -1, 0); exit($m == -1)'",
}
ALLOWED = {
    "read what everybody may": "cat /etc/os-release /usr/bin/true > /dev/null",
    "its own temporary files": "echo x > /tmp/probe && cat /tmp/probe",
    "shared memory of its own": "echo x > /dev/shm/probe && cat /dev/shm/probe",
    "/dev/null and random": "head -c 1 /dev/urandom > /dev/null",
    "the load and the memory": "cat /proc/loadavg /proc/meminfo /proc/stat > /dev/null",
    "a TCP connection": "exec 3<> /dev/tcp/127.0.0.1/5001",
    "ask systemd": "systemctl is-active dbus.service",
    "a pipe of programs": "seq 100 | sort -n | tail -1",
}
STATE_FOLDER = {"the state folder": "echo x > /var/lib/jiro/probe && rm /var/lib/jiro/probe"}  # with RunAs: daemon only
PROBE = """#!/bin/bash
# Runs each line of shell in a process of its own and prints the numbers of those that succeeded.
export DAEMON=${DAEMON:-$PPID}
cd /opt/probes
for number in $(ls | sort -n); do bash $number > /dev/null 2>&1 < /dev/null && echo $number; done
exit 0
"""


class SandboxTest(SystemTest):
    def test_commands(self):
        """Nothing of the list is possible from a command, in a unit of its own or in the daemon's; what commands are for is."""
        lines = {**FORBIDDEN, **ALLOWED, **STATE_FOLDER}
        for run_as in ("unit", "daemon"):
            with self.subTest(run_as):
                allowed = {**ALLOWED, **(STATE_FOLDER if run_as == "daemon" else {})}
                self.prepare(lines.values(), run_as)
                result = self.hub.send("probe", within=60)["result"]
                self.assertTrue(result["isSuccess"], result)
                possible = [list(lines)[int(number)] for number in result["textResult"]["response"].split()]
                self.assertEqual([name for name in possible if name not in allowed], [], "a command can do this")
                self.assertEqual([name for name in allowed if name not in possible], [], "a command cannot do this")
                self.assertEqual(self.machine.out("ls", "/dev/shm"), "of-the-machine", "left after the command")

        # By root with no unit around, nearly all of it is possible: so it is the unit that refuses.
        control = ["systemd-run", "-q", "--wait", "--pipe", "-E", f"DAEMON={self.service.pid}", "/opt/probe"]
        allowed = self.machine.out(*control).split()
        refused = [name for number, name in enumerate(FORBIDDEN) if str(number) not in allowed]
        print(f"\n  refused by the machine itself, so it proves nothing of the unit: {', '.join(refused) or 'nothing'}")
        self.assertLess(len(refused), 6)

    def prepare(self, lines, run_as):
        self.machine.write("/opt/probe", PROBE, 0o755)
        for number, line in enumerate(lines):
            self.machine.write(f"/opt/probes/{number}", line + "\n")
        self.file("/home/someone/private", "x")
        self.machine.run("touch", "/tmp/of-the-machine", "/dev/shm/of-the-machine")
        self.file("/etc/jiro/credentials/api-key", "x", 0o600)
        self.start_service({"Commands": {"RunAs": run_as, "Exec": {"probe": {"Program": ["/opt/probe"]}}}})

    def test_process(self):
        """What the kernel knows of the daemon itself: its user, no privilege, a filter, no core."""
        self.start_service()
        status = self.status()
        uid = self.machine.out("id", "-u", "jiro")
        self.assertEqual(status["Uid"].split(), [uid] * 4)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2")
        for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)
        limits = self.machine.out("cat", f"/proc/{self.service.pid}/limits")
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        # Undumpable: its files in /proc belong to root.
        self.assertEqual(self.machine.out("stat", "-c", "%U", f"/proc/{self.service.pid}/environ"), "root")

    def test_priority_of_commands(self):
        """A command is less important than the daemon to the scheduler, and the first to go when memory is short."""
        show = {"Shell": True, "Program": ["sleep 0.2; nice; cat /proc/self/oom_score_adj"]}
        self.start_service({"Commands": {"Exec": {"priority": show}}})
        self.assertEqual(self.hub.send("priority")["result"]["textResult"]["response"].split(), ["5", "500"])

    def status(self):
        lines = self.machine.out("cat", f"/proc/{self.service.pid}/status").splitlines()
        return dict(line.split(":\t", 1) for line in lines)


if __name__ == "__main__":
    unittest.main()
