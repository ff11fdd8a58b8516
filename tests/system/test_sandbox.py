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
    "make a set-user-id program": "cp /bin/true /var/lib/jiro/suid && chmod u+s /var/lib/jiro/suid",
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
    "the state folder": "echo x > /var/lib/jiro/probe && rm /var/lib/jiro/probe",
    "/dev/null and random": "head -c 1 /dev/urandom > /dev/null",
    "the load and the memory": "cat /proc/loadavg /proc/meminfo /proc/stat > /dev/null",
    "a TCP connection": "exec 3<> /dev/tcp/127.0.0.1/5001",
    "ask systemd": "systemctl is-active dbus.service",
    "a pipe of programs": "seq 100 | sort -n | tail -1",
}
PROBE = """#!/bin/bash
# The line of shell is in a file: what the hub sends is only its name.
DAEMON=$PPID
. "/opt/probes/$1" 2>&1
"""


class SandboxTest(SystemTest):
    def test_commands(self):
        """Nothing of the list is possible from a command; what commands are for is."""
        self.prepare()
        for number, (name, line) in enumerate(FORBIDDEN.items()):
            with self.subTest(name):
                self.machine.write(f"/opt/probes/{number}", line + "\n")
                result = self.hub.send(f"probe {number}")["result"]
                self.assertFalse(result["isSuccess"], f"a command can {name}: {result}")
        for number, (name, line) in enumerate(ALLOWED.items()):
            with self.subTest(name):
                self.machine.write(f"/opt/probes/allowed-{number}", line + "\n")
                result = self.hub.send(f"probe allowed-{number}")["result"]
                self.assertTrue(result["isSuccess"], f"a command cannot use {name}: {result}")
        self.note_controls()

    def prepare(self):
        self.machine.write("/opt/probe", PROBE, 0o755)
        self.file("/home/someone/private", "x")
        self.machine.run("touch", "/tmp/of-the-machine")
        self.file("/etc/jiro/credentials/api-key", "x", 0o600)
        probe = {"Program": ["/opt/probe", "{number}"], "Parameters": {"number": {"Pattern": "[a-z0-9-]+"}}}
        self.start_service({"Commands": {"Exec": {"probe": probe}}})

    def note_controls(self):
        """All the forbidden things by root, with no unit around."""
        script = 'for n in $(seq 0 $1); do ( . /opt/probes/$n ) > /dev/null 2>&1 || echo $n; done'
        control = ["systemd-run", "-q", "--wait", "--pipe", "-E", f"DAEMON={self.service.pid}", "bash", "-c", script]
        refused = self.machine.out(*control, "bash", len(FORBIDDEN) - 1).split()
        names = [list(FORBIDDEN)[int(number)] for number in refused]
        print(f"\n  refused by the machine itself, so it proves nothing of the unit: {', '.join(names) or 'nothing'}")
        self.assertLess(len(names), 6)

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
