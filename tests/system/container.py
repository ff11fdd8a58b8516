#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The container without a container engine: a root made as container/Containerfile makes it, entered with namespaces of its own, where
the daemon is process 1, no root, configured by its environment alone. Label `system`; needs root, mmdebstrap and the packages."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = pathlib.Path(os.environ.get("JIRO_PACKAGES") or ROOT / "build/release/packages")
HUB = ROOT / "build/release/src/dev_hub/jiro-dev-hub"


def skip(why):
    print(f"container test skipped: {why}")
    sys.exit(SKIPPED)


def variables():
    """What the Containerfile's ENV sets."""
    (line,) = re.findall(r"^ENV (.*)$", (ROOT / "container/Containerfile").read_text(), re.M)
    return dict(word.split("=", 1) for word in line.split())


def make_root(package, directory):
    install = ROOT / "container/install"
    needed = subprocess.run([install, "--dependencies", package], check=True, capture_output=True, text=True).stdout.split()
    assert "systemd" not in needed and "libc6" in needed, needed
    suite = re.search(r"VERSION_CODENAME=(\w+)", pathlib.Path("/etc/os-release").read_text())[1]
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={','.join(needed)}", "--dpkgopt=force-unsafe-io",
         "--aptopt=Acquire::Languages \"none\"", suite, directory], check=True)
    for file in (package, install):
        shutil.copy(file, directory / "tmp")
    subprocess.run(["chroot", directory, "/tmp/install", f"/tmp/{package.name}"], check=True)


def wait(what, predicate, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := predicate():
            return value
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


class Container:
    def __init__(self, root, environment):
        words = [f"{name}={value}" for name, value in {**variables(), **environment}.items()]
        self.inside = ["chroot", "--userspec=10001:10001", str(root), "/usr/bin/env", "-i", *words, "/usr/bin/jiro-client"]
        self.log = open(root.parent / "log", "a+")
        unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--ipc", "--uts", f"--mount-proc={root}/proc"]
        self.process = subprocess.Popen([*unshare, *self.inside, "run"], stdout=self.log, stderr=self.log)

    def first(self):
        """Process 1 of the container, as this machine calls it."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def client(self, *arguments):
        """As an engine's exec: in its namespaces."""
        enter = ["nsenter", "--target", str(self.first()), "--pid", "--mount"]
        return subprocess.run([*enter, *self.inside, *arguments], capture_output=True, text=True, timeout=30)

    def is_ready(self):
        assert self.process.poll() is None, pathlib.Path(self.log.name).read_text()
        return self.first() and self.client("status", "--ready").returncode == 0  # the health check

    def stop(self):
        """As an engine does: SIGTERM to process 1."""
        os.kill(self.first(), signal.SIGTERM)
        return self.process.wait(60)


def main():
    if os.geteuid() != 0 or not shutil.which("mmdebstrap"):
        skip("it needs root and mmdebstrap")
    package = next(iter(PACKAGES.glob("jiro-client_*.deb")), None)
    if package is None or not HUB.exists():
        skip(f"no package in {PACKAGES}: run scripts/package")
    if subprocess.run(["unshare", "--pid", "--fork", "--mount", "true"], capture_output=True).returncode != 0:
        skip("this host allows no new namespaces")
    with tempfile.TemporaryDirectory(prefix="jiro-container-") as scratch:
        root = pathlib.Path(scratch) / "root"
        make_root(package, root)
        size = subprocess.run(["du", "-sm", root], capture_output=True, text=True).stdout.split()[0]
        print(f"the root takes {size} MB")
        ports_file = pathlib.Path(scratch) / "ports.json"
        control = pathlib.Path(scratch) / "hub.sock"
        hub = subprocess.Popen([HUB, "serve", "--hub", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--control", control, "--port-file", ports_file])
        container = None
        try:
            ports = json.loads(wait("the hub's start", lambda: ports_file.exists() and ports_file.read_text()))
            container = Container(root, {"JIRO_WEBSOCKET__HUBURL": ports["hubUrl"], "JIRO_GRPC__SERVERURL": ports["grpcUrl"],
                                         "JIRO_MONITORING__LISTEN": "unix:/run/jiro-client/status.sock"})
            wait("ready", container.is_ready)
            print(container.client("status").stdout)
            sent = subprocess.run([HUB, "send", "--control", control, "sysinfo"], capture_output=True, text=True, timeout=60)
            assert sent.returncode == 0, sent
            owner = (root / "var/lib/jiro/outbox.db").stat()
            assert (owner.st_uid, owner.st_mode & 0o777) == (10001, 0o600), owner
            assert container.stop() == 0
            log = pathlib.Path(container.log.name).read_text()
            assert "Stopped" in log and "Running as root" not in log, log
            assert not [line for line in log.splitlines() if line.startswith("<3>")], log
        finally:
            if container is not None and container.process.poll() is None:
                container.process.kill()
            hub.terminate()
            hub.wait()
    print("ready, one command, stopped")


main()
