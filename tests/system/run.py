#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the system tests: the built packages in a booted Debian. Label `system`, not part of ./scripts/test.

    run.py [CLASS...]       JIRO_PACKAGES: the folder with the .deb files (default: build/release/packages)
                            JIRO_FIRST_RELEASE_PACKAGE: 0.1.0's, for the upgrade from it
                            JIRO_SYSTEM_REQUIRED=1: a host that cannot boot a systemd is a failure, not a skip

Exit code 77, and a line that says why, where a systemd cannot be booted. Needs root; see harness/machine.py.
"""

import importlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "dpkg-deb": "dpkg",
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
}
SKIPPED = 77
# In this order on one machine: first as it is after the installation, last what takes the package away.
MODULES = ("test_install", "test_service", "test_sandbox", "test_hostile", "test_instances", "test_secrets", "test_packages")


class TimedResult(unittest.TextTestResult):
    """One line a test, with its time."""

    def startTest(self, test):
        self.started = time.monotonic()
        super().startTest(test)

    def getDescription(self, test):
        return test.id().partition(".")[2]

    def addSuccess(self, test):
        self.stream.write(f"{time.monotonic() - self.started:.1f} s ")
        super().addSuccess(test)


def skip(why):
    print(f"system tests skipped: {why}", flush=True)
    sys.exit(1 if os.environ.get("JIRO_SYSTEM_REQUIRED") else SKIPPED)


def check_host(packages):
    if os.geteuid() != 0:
        skip("they need root")
    missing = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})
    if missing:
        skip(f"apt install {' '.join(missing)}")
    if len(list(packages.glob("jiro-*.deb"))) != 2:
        skip(f"no jiro-client and jiro-dev-hub package in {packages}: run scripts/package")
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        skip("this host allows no new namespaces")


def main():
    os.chdir(HERE)
    packages = pathlib.Path(os.environ.get("JIRO_PACKAGES") or HERE.parents[1] / "build/release/packages").resolve()
    check_host(packages)
    if "JIRO_SYSTEM_NAMESPACE" not in os.environ:
        # Mounts of ours are seen by nobody else, and gone with us however we end.
        os.environ["JIRO_SYSTEM_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, "-B", __file__, *sys.argv[1:]])
    os.environ["JIRO_PACKAGES"] = str(packages)
    os.environ.setdefault("JIRO_SYSTEM_CACHE", str(packages.parent / "system"))

    suite = unittest.TestSuite()
    upgrade = ("test_first_release",) if "JIRO_FIRST_RELEASE_PACKAGE" in os.environ else ()
    for name in (*MODULES, *upgrade):
        module = importlib.import_module(name)
        for value in vars(module).values():
            is_test = isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == name
            if is_test and (len(sys.argv) < 2 or value.__name__ in sys.argv[1:]):
                suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(value))
    if suite.countTestCases() == 0:
        sys.exit(f"no such class: {' '.join(sys.argv[1:])}")
    from harness.case import Installed

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the machine is ended then, too
    try:
        result = unittest.TextTestRunner(verbosity=2, resultclass=TimedResult).run(suite)
    finally:
        Installed.stop()
    if result.skipped:  # no machine came up, still without our packages: that is the host's doing
        skip(result.skipped[0][1])
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
