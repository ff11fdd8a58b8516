# SPDX-License-Identifier: MIT
"""TMPDIR: each run of a program has a folder of its own, which goes with it, or with the next start after a kill -9."""

import pathlib
import unittest

from harness.case import DaemonTest, wait_until
from harness.units import Units


def shell(script, **members):
    return {"Program": script, "Shell": True, "KillGraceMs": 100, **members}


LITTER = 'echo "$TMPDIR"; stat -c "%a %U" "$TMPDIR" >/dev/null; mkdir -p "$TMPDIR/a/b"; echo x >"$TMPDIR/a/b/c"; ln -s "$KEPT" "$TMPDIR/link"; chmod 0 "$TMPDIR/a"'


class TemporaryFilesTest(DaemonTest):
    def setUp(self):
        super().setUp()
        self.base = self.directory / "tmp"
        self.base.mkdir(mode=0o700)
        self.kept = self.directory / "kept"
        self.kept.mkdir()
        (self.kept / "file").write_text("x")

    def begin(self, **commands):
        for command in commands.values():
            command.setdefault("Environment", {})["KEPT"] = str(self.kept)
        self.link = self.start_all(config={"Commands": {"Exec": commands, **self.section()}}, environment={"TMPDIR": str(self.base)})

    def section(self):
        return {}

    def left(self):
        return sorted(path.name for path in self.base.glob("jiro-run-*"))

    def until_they_run(self, count=1):
        """A start that is cut off in its middle leaves its folder to the next start."""
        wait_until(lambda: len(list(self.base.glob("jiro-run-*/link"))) == count, "they run", 10, context=self.client.tail)

    def until_none_is_left(self):
        wait_until(lambda: not self.left(), "no folder is left", 10, context=self.client.tail)
        self.assertTrue((self.kept / "file").exists())

    def test_each_run_has_its_own(self):
        self.begin(litter=shell(LITTER), fails=shell(LITTER + "; exit 3"), own=shell('echo "$TMPDIR"', Environment={"TMPDIR": "/var/tmp"}))
        folders = set()
        for number in range(3):
            self.link.command("litter", f"litter-{number}")
            folder = pathlib.Path(self.result(f"litter-{number}").response.strip())
            self.assertEqual(folder.parent, self.base)
            self.assertTrue(folder.name.startswith("jiro-run-"))
            folders.add(folder)
        self.assertEqual(len(folders), 3)
        self.link.command("fails", "fails")
        self.assertIn("exit code 3", self.result("fails").response)
        self.until_none_is_left()
        self.link.command("own", "own")
        self.assertEqual(self.result("own").response, "/var/tmp\n")

    def test_of_one_that_is_stopped(self):
        self.begin(hang=shell(LITTER + "; sleep 300"))
        self.link.command("hang", "hang")
        self.until_they_run()
        self.link.command("cancel hang", "cancel")
        self.result("hang")
        self.until_none_is_left()

    def test_of_a_program_that_cannot_start(self):
        self.begin(missing={"Program": ["/nonexistent/program"]})
        self.link.command("missing", "missing")
        self.assertIn("cannot start", self.result("missing").response)
        self.until_none_is_left()

    def test_after_kill_9(self):
        self.begin(hang=shell(LITTER + "; sleep 300"))
        for number in range(3):
            self.link.command("hang", f"hang-{number}")
        self.until_they_run(3)
        (self.base / "jiro-run-not-a-folder").write_text("x")
        self.client.kill()
        self.assertEqual(len(self.left()), 4)
        self.client.start()
        self.connection(2)
        wait_until(lambda: self.left() == ["jiro-run-not-a-folder"], "they are gone", 10, context=self.client.tail)
        self.client.wait_log("Folders that the programs of an earlier process left behind were removed")
        self.assertTrue((self.kept / "file").exists())
        self.assert_serves(self.connection(2))

    def test_two_daemons_leave_each_other_alone(self):
        self.begin(hang=shell(LITTER + "; sleep 300"))
        self.link.command("hang", "hang")
        self.until_they_run()
        first = self.client
        self.start_client(name="other", config={"Outbox": {"Path": str(self.directory / "other" / "outbox.db")}},
                          environment={"TMPDIR": str(self.base)})
        self.connection(2)
        self.assert_serves(self.connection(2))
        self.assertEqual(len(self.left()), 1)
        self.client.stop()
        self.client = first
        self.link.command("cancel hang", "cancel")
        self.result("hang")
        self.until_none_is_left()


class TemporaryFilesOfUnitsTest(TemporaryFilesTest):
    """Programs in units of their own, which have no /tmp of their own here."""

    def section(self):
        self.units = Units(self.directory / "units.sock", environment={"TMPDIR": str(self.base)})
        self.addCleanup(self.units.stop)
        return {"UnitSocket": self.units.path}

    def test_after_kill_9(self):
        """With the daemon's end the unit ends what it runs, and removes its folder."""
        self.begin(hang=shell(LITTER + "; sleep 300"))
        self.link.command("hang", "hang")
        self.until_they_run()
        self.client.kill()
        self.until_none_is_left()

    def test_after_kill_9_of_a_unit(self):
        """The next unit's start removes what it left behind."""
        self.begin(hang=shell(LITTER + "; sleep 300"), quick=shell("echo done"))
        self.link.command("hang", "hang")
        self.until_they_run()
        self.units.stop()
        self.result("hang")
        self.assertEqual(len(self.left()), 1)
        (self.directory / "units.sock").unlink()
        self.section()
        self.link.command("quick", "quick")
        self.result("quick")
        self.until_none_is_left()


if __name__ == "__main__":
    unittest.main()
