#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What preinst and postrm decide, in a root of their own (DPKG_ROOT): nothing is installed or booted, and nobody need be root."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SKIPPED = 77
SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "cmake/debian"
DEFINED = "Commands: { Exec: { hi: { Program: [/bin/echo, hi] } } }\n"


class MaintainerScript(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="jiro-scripts-"))
        self.addCleanup(shutil.rmtree, self.root)
        self.gate = self.root / "etc/systemd/system/jiro-command@.service.d/undefined.conf"

    def file(self, path, text=""):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run_script(self, name, *arguments):
        """What it says; nothing of it may fail."""
        environment = {**os.environ, "DPKG_ROOT": str(self.root)}
        done = subprocess.run(["sh", SCRIPTS / name, *arguments], env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class PreinstTest(MaintainerScript):
    def opens(self, *arguments):
        """Whether preinst lets units run what is not defined, which it says in a line."""
        self.gate.unlink(missing_ok=True)
        said = self.run_script("preinst", *arguments)
        self.assertEqual("move them to /etc/jiro/commands.d" in said, self.gate.exists(), said)
        return self.gate.exists()

    def test_versions(self):
        """Only an upgrade from before 0.2.0 lets units run what is not defined, whatever folders there are."""
        self.file("etc/jiro/config.yaml", DEFINED)
        self.assertTrue(self.opens("upgrade", "0.1.0", "0.2.0"))
        for arguments in (("upgrade", "0.2.0", "0.2.0"), ("upgrade", "0.2.1", "0.3.0"), ("upgrade", "0.10.0", "0.11.0"), ("install",), ("install", "0.1.0", "0.2.0")):
            with self.subTest(arguments):
                self.assertFalse(self.opens(*arguments))
        (self.root / "etc/jiro/commands.d").mkdir()
        self.assertTrue(self.opens("upgrade", "0.1.0", "0.2.0"))

    def test_definitions(self):
        """Commands are found however YAML lets them be written; none are found in a comment or where there are none."""
        program = "hi: { Program: [/bin/echo, hi] }"
        cases = {
            "block": (f"Commands:\n  Exec:\n    {program}\n", True),
            "block with a comment": (f"Commands:\n  Exec: # ours\n    {program}\n", True),
            "in one line": (DEFINED, True),
            "JSON": ('{"Commands": {"Exec": {"hi": {"Program": ["/bin/echo", "hi"]}}}}', True),
            "JSON behind a #": ('{"Commands": {"Prefix": "#", "Exec": {"hi": {"Program": ["/bin/echo", "hi"]}}}}', True),
            "in single quotes": (f"'Commands':\n  'Exec':\n    {program}\n", True),
            "in small letters": (f"commands:\n  exec:\n    {program}\n", True),
            "empty": ("Commands:\n  Exec: {}\n", False),
            "empty JSON": ('{"Commands": {"Exec": { }}}', False),
            "a comment": (f"Commands:\n  # Exec:\n  #   {program}\n", False),
            "nothing": ("InstanceId: mine\n", False),
        }
        for name, (text, opens) in cases.items():
            with self.subTest(name):
                self.file("etc/jiro/config.yaml", text)
                self.assertEqual(self.opens("upgrade", "0.1.0", "0.2.0"), opens)

    def test_an_administrators_own(self):
        """A file of that name that is there already stays as it is."""
        self.file("etc/jiro/config.yaml", DEFINED)
        self.file(self.gate, "# mine\n")
        self.assertEqual(self.run_script("preinst", "upgrade", "0.1.0", "0.2.0"), "")
        self.assertEqual(self.gate.read_text(), "# mine\n")


class PostrmTest(MaintainerScript):
    def test_what_preinst_wrote(self):
        """A purge removes it, with its folder."""
        self.file("etc/jiro/config.yaml", DEFINED)
        self.run_script("preinst", "upgrade", "0.1.0", "0.2.0")
        self.run_script("postrm", "remove")
        self.assertTrue(self.gate.exists())
        self.run_script("postrm", "purge")
        self.assertFalse(self.gate.parent.exists())

    def test_an_administrators_own(self):
        """A purge leaves what the administrator wrote, even the example as the documentation says."""
        shutil.copy(SCRIPTS.parents[1] / "systemd/undefined-commands.conf.example", self.file(self.gate))
        self.run_script("postrm", "purge")
        self.assertTrue(self.gate.exists())

    def test_state(self):
        """A purge removes the state, and of a link only the link: systemd gives the daemon no state behind one."""
        self.file("var/lib/jiro/one/outbox.db")
        self.run_script("postrm", "purge")
        self.assertFalse((self.root / "var/lib/jiro").exists())
        elsewhere = self.file("elsewhere/outbox.db")
        (self.root / "var/lib/jiro").symlink_to(elsewhere.parent)
        self.run_script("postrm", "purge")
        self.assertFalse((self.root / "var/lib/jiro").is_symlink())
        self.assertTrue(elsewhere.exists())


if __name__ == "__main__":
    if not shutil.which("dpkg"):
        print("maintainer scripts skipped: no dpkg on this machine")
        sys.exit(SKIPPED)
    unittest.main()
