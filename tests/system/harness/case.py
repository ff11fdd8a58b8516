# SPDX-License-Identifier: MIT
"""The base of the system tests: a machine with the built packages installed, and words for what is asked of it.

`self.service` is the daemon's unit as an operator sees it, `self.hub` the development hub beside it, in the same machine.
"""

import copy
import json
import os
import pathlib
import unittest

from . import rootfs
from .machine import CannotBoot, Failed, Machine
from .waiting import wait_until

CONFIG = "/etc/jiro/config.yaml"
COMMANDS = "/etc/jiro/commands.d/test.yaml"
HUB_PORT, GRPC_PORT = 5001, 5002
# Short delays: the policy itself is tested elsewhere, on a clock moved by hand.
BASE = {
    "WebSocket": {
        "HubUrl": f"http://127.0.0.1:{HUB_PORT}/instanceHub",
        "ReconnectionDelayMs": 100,
        "MaxReconnectionDelayMs": 500,
        "MaxReconnectionAttempts": -1,
    },
    "Grpc": {"ServerUrl": f"http://127.0.0.1:{GRPC_PORT}", "RetryDelayMs": 100, "MaxRetryDelayMs": 500},
    "Commands": {
        "Exec": {
            "sleep": {
                "Program": ["/bin/sleep", "{seconds}"],
                "Parameters": {"seconds": {"Type": "number"}},
            }
        }
    },
}


def merged(base, changes):
    """The base with the changes put in, key by key."""
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return changes
    return {key: merged(base[key], changes[key]) if key in base and key in changes else changes.get(key, base.get(key)) for key in {**base, **changes}}


class Service:
    """One instance of the daemon's unit."""

    def __init__(self, machine, unit="jiro-client", config=CONFIG):
        self.machine, self.unit, self.config = machine, unit, config

    def __call__(self, verb, **options):
        return self.machine.run("systemctl", verb, self.unit, **options)

    def show(self, name):
        return self.machine.out("systemctl", "show", "-P", name, self.unit)

    @property
    def status_text(self):
        return self.show("StatusText")

    @property
    def pid(self):
        return int(self.show("MainPID"))

    def wait_for_status(self, text, within=10.0):
        return wait_until(lambda: text in self.status_text and self.status_text, f"'{text}' in the unit's status", within, self.context)

    def wait_active(self, within=20.0):
        wait_until(lambda: self.show("ActiveState") == "active", f"{self.unit} is active", within, self.context)

    def configure(self, *changes):
        """Writes the base configuration with the changes, as an editor does: owner and mode stay. Commands are root's, in
        a file that their units can read."""
        value = BASE
        for change in changes:
            value = merged(value, change)
        value = copy.deepcopy(value)
        self.machine.write(COMMANDS, json.dumps(value["Commands"].pop("Exec"), indent=1), 0o644)
        self.machine.run("bash", "-c", 'cat > "$0"', self.config, stdin=json.dumps(value, indent=1))  # JSON is YAML

    def journal(self, *matches, fresh=True):
        """The journal's entries that match, each a dict of its fields."""
        self.machine.run("journalctl", "--sync")
        since = ["_SYSTEMD_INVOCATION_ID=" + self.show("InvocationID")] if fresh else []
        lines = self.machine.out("journalctl", "-o", "json", "--all", "-u", self.unit, *since, *matches).splitlines()
        return [json.loads(line) for line in lines]

    def context(self):
        """What an operator would look at first."""
        return (
            self.machine.out("systemctl", "status", "-l", "-n", "30", self.unit, check=False)
            + "\n"
            + self.machine.out("jiro-client", "status", "--config", self.config, check=False)
        )


class Hub:
    """The development hub as a unit of the machine."""

    def __init__(self, machine, name="hub", hub_port=HUB_PORT, grpc_port=GRPC_PORT):
        self.machine, self.name, self.control = machine, name, f"/run/{name}.sock"
        self.addresses = ["--hub", f"127.0.0.1:{hub_port}", "--grpc", f"127.0.0.1:{grpc_port}", "--control", self.control]

    def start(self, *flags):
        self.stop()
        command = ["systemd-run", "-q", "--collect", f"--unit={self.name}", "jiro-dev-hub", "serve", *self.addresses, *flags]
        self.machine.run(*command)
        wait_until(lambda: self.ask("clients", check=False).returncode == 0, "the hub answers")

    def stop(self):
        self.machine.run("systemctl", "stop", self.name, check=False)

    def ask(self, *words, **options):
        return self.machine.run("jiro-dev-hub", *words, "--control", self.control, **options)

    def wait_client(self, within=20):
        self.ask("wait-client", "--timeout", within * 1000, timeout=within + 10)

    def send(self, text, *flags, within=20):
        """Sends a command and returns its outcome as the hub tells it: ok, result {...}."""
        done = self.ask("send", text, "--json", "--timeout", within * 1000, *flags, check=False, timeout=within + 10)
        try:
            return json.loads(done.stdout)["outcomes"][0]
        except (ValueError, LookupError) as error:
            raise Failed(f"send {text}: {done.stdout}{done.stderr}") from error

    def post(self, text, sync_id, *flags):
        """Sends a command and does not wait."""
        self.ask("send", text, "--id", sync_id, "--wait", "none", *flags)

    def result(self, sync_id):
        """What came for that id: attempts, accepted, conflicting, isSuccess; None when nothing did."""
        return next((row for row in self.results() if row["commandSyncId"] == sync_id), None)

    def results(self):
        return json.loads(self.ask("results").stdout)["results"]

    def wait_result(self, sync_id, within=20.0, context=None):
        def accepted():
            row = self.result(sync_id)
            return row if row and row["accepted"] else None

        return wait_until(accepted, f"the result of {sync_id}", within, context)


class Installed:
    """The machine with both packages, booted at the first need; all classes share it, since a boot costs more than a test."""

    _only = None

    def __init__(self):
        packages = sorted(pathlib.Path(os.environ["JIRO_PACKAGES"]).glob("jiro-*.deb"))
        first = os.environ.get("JIRO_FIRST_RELEASE_PACKAGE")  # scripts/first-release makes it
        self.machine = Machine(rootfs.make([*packages, *filter(None, [first])], os.environ["JIRO_SYSTEM_CACHE"]))
        self.packages = {package.name.split("_")[0]: self.machine.copy(package) for package in packages}
        try:
            self.output = self.machine.run("apt-get", "install", "-y", *self.packages.values())
        except BaseException:
            self.machine.stop()
            raise

    @classmethod
    def get(cls):
        if cls._only is None:
            cls._only = cls()
        return cls._only

    @classmethod
    def stop(cls):
        if cls._only is not None:
            cls._only.machine.stop()


class SystemTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        try:
            installed = Installed.get()
        except CannotBoot as error:
            raise unittest.SkipTest(f"a systemd cannot be booted here: {error}") from error
        cls.machine, cls.packages, cls.installation = installed.machine, installed.packages, installed.output
        cls.service = Service(cls.machine)
        cls.hub = Hub(cls.machine)

    def start_service(self, *changes, hub_flags=()):
        """The daemon with the base configuration and these changes, connected to a new hub."""
        self.hub.start(*hub_flags)
        self.service.configure(*changes)
        self.service("reset-failed", check=False)
        self.service("restart")
        self.hub.wait_client()

    def file(self, path, text, mode=0o644, owner="root:root"):
        """A file of the machine until the test's end."""
        self.machine.write(path, text, mode)
        self.machine.run("chown", owner, path)
        self.addCleanup(self.machine.run, "rm", "-f", path)

    def drop_in(self, text, name="test", unit="jiro-client.service"):
        """A drop-in for the unit until the test's end."""
        self.machine.write(f"/etc/systemd/system/{unit}.d/{name}.conf", text)
        self.machine.run("systemctl", "daemon-reload")

        def remove():
            self.machine.path(f"/etc/systemd/system/{unit}.d/{name}.conf").unlink()
            self.machine.run("systemctl", "daemon-reload")

        self.addCleanup(remove)

    def wait_until(self, predicate, what, within=10.0):
        return wait_until(predicate, what, within, self.service.context)
