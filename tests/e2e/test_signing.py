# SPDX-License-Identifier: MIT
"""Signed commands: what OpenSSL signed runs, once and in time, and nothing else does; what `sign` signs OpenSSL verifies."""

import base64
import json
import signal
import time
import unittest

from harness.case import DaemonTest, wait_until
from harness.hub_server import command_message
from harness.programs import run_client
from harness.signing import OPENSSL, Signer, openssl, signed_form


@unittest.skipUnless(OPENSSL, "needs OpenSSL's command line")
class SigningTest(DaemonTest):
    def setUp(self):
        super().setUp()
        self.keys = self.directory / "trusted.d"
        self.signer = Signer(self.directory.path)
        self.signer.trust_in(self.keys)
        self.traces = self.directory / "traces"

    def config(self, **commands):
        leave_trace = {"Program": ["/bin/sh", "-c", "cat; env; echo x >> \"$1\"", "sh", str(self.traces)], "Stdin": "message"}
        trust = {"Keys": str(self.keys), "Require": "exec"}
        return {"InstanceId": "web1", "Commands": {"Trust": trust, "Exec": {"trace": leave_trace}, **commands}}

    def start(self, **commands):
        return self.start_all(config=self.config(**commands))

    def runs(self):
        return len(self.traces.read_text().split()) if self.traces.exists() else 0

    def reload(self, changed=""):
        since = len(self.client.log.lines)
        self.client.signal(signal.SIGHUP)
        self.client.wait_log(f"Configuration reloaded.*{changed}", since=since)

    def refused(self, sync_id):
        result = self.result(sync_id)
        self.assertFalse(result.is_success)
        return result.response

    def test_what_openssl_signed_runs(self):
        """A signed command runs, its program sees nothing of the signature, and the log says whose it is."""
        link = self.start()
        link.command("trace", "a", parameters=self.signer.parameters("trace", "a", word="w"))
        result = self.result("a")
        self.assertTrue(result.is_success, result)
        self.assertIn('"word":"w"', result.response)
        self.assertNotIn("jiro.", result.response)
        self.assertNotIn("signature", result.response.lower())
        self.client.wait_log("Command received.*signed_by=ci-2026")
        self.assertEqual(self.runs(), 1)

    def test_a_number_is_signed_as_it_is_written(self):
        link = self.start()
        for number in ("1.50", "1e2", "-0", "123456789012345678901"):
            parameters = {**self.signer.parameters("trace", number, n=number), "n": "@"}
            message = json.dumps(command_message("trace", number, parameters=parameters)).replace('"@"', number)
            link.send(('{"type":1,"target":"ReceiveCommand","arguments":[' + message + "]}").encode())
            self.assertIn(f'"n":"{number}"', self.result(number).response)

    def test_nothing_else_runs(self):
        """Unsigned, changed, for another machine, too late, by a stranger: refused, and the built-in commands still answer."""
        link = self.start()
        good = self.signer.parameters("trace", "a")
        stranger = Signer(self.directory.path, "stranger")
        for sync_id, parameters, why in (
            ("unsigned", {}, "it is not signed"),
            ("another-id", good, "is not one of this command"),
            ("changed", {**self.signer.parameters("trace", "changed"), "more": "x"}, "is not one of this command"),
            ("elsewhere", self.signer.parameters("trace", "elsewhere", instance="web2"), "is not one of this command"),
            ("late", self.signer.parameters("trace", "late", seconds=-5), "is too late"),
            ("early", self.signer.parameters("trace", "early", seconds=48 * 3600), "is more than 1 d away"),
            ("stranger", stranger.parameters("trace", "stranger"), "the key stranger is not one of Commands.Trust.Keys"),
            ("half", {"jiro.keyId": "ci-2026"}, "jiro.signature is missing"),
        ):
            link.command("trace", sync_id, parameters=parameters)
            self.assertIn(why, self.refused(sync_id), sync_id)
        self.assertEqual(self.runs(), 0)
        self.assert_serves(link)

    def test_all(self):
        """Require: all wants it of built-in commands, too."""
        link = self.start(Trust={"Keys": str(self.keys), "Require": "all"})
        link.command("echo a", "a")
        self.assertIn("it is not signed", self.refused("a"))
        link.command("echo b", "b", parameters=self.signer.parameters("echo b", "b"))
        self.assertEqual(self.result("b").response, "b")

    def test_runs_once(self):
        """The same signed command again, at once, after its end, and after a restart: it ran once."""
        link = self.start()
        parameters = self.signer.parameters("trace", "a")
        for _ in range(2):
            link.command("trace", "a", parameters=parameters)
        self.result("a")
        link.command("trace", "a", parameters=parameters)
        self.client.wait_log("its outcome is sent again")
        self.client.stop()
        self.client.start()
        link = self.connection(2)
        link.command("trace", "a", parameters=parameters)
        self.client.wait_log("its outcome is sent again")
        link.command("trace", "b", parameters=parameters)
        self.assertIn("is not one of this command", self.refused("b"))
        self.assertEqual(self.runs(), 1)

    def test_new_key_and_leaked_key(self):
        """A key comes and goes with a reload; what waits, signed by one that went, is refused when its turn comes."""
        wait_for = self.directory / "go"
        hold = {"Program": ["/bin/sh", "-c", f"until [ -e {wait_for} ]; do sleep 0.05; done"]}
        config = self.config()
        config["Commands"]["Exec"]["hold"] = hold
        config["Commands"]["MaxConcurrent"] = 1
        link = self.start_all(config=config)
        new = Signer(self.directory.path, "ci-2027")
        link.command("trace", "too-early", parameters=new.parameters("trace", "too-early"))
        self.assertIn("the key ci-2027 is not one of", self.refused("too-early"))
        new.trust_in(self.keys)
        self.reload(changed="Commands.Trust.Keys")
        link.command("hold", "hold", parameters=new.parameters("hold", "hold"))
        link.command("trace", "by-the-old", parameters=self.signer.parameters("trace", "by-the-old"))
        link.command("trace", "by-the-new", parameters=new.parameters("trace", "by-the-new"))
        wait_until(lambda: self.client.status()["queuedCommands"] == 2, "both wait", context=self.client.tail)
        (self.keys / "ci-2026.pem").unlink()
        self.reload()
        wait_for.touch()
        self.assertIn("the key ci-2026 is not one of", self.refused("by-the-old"))
        self.assertTrue(self.result("by-the-new").is_success)
        self.assertEqual(self.runs(), 1)

    def test_time_runs_out_while_it_waits(self):
        """In time when it arrived, too late when its turn comes: it does not run."""
        wait_for = self.directory / "go"
        config = self.config(MaxConcurrent=1)
        config["Commands"]["Exec"]["hold"] = {"Program": ["/bin/sh", "-c", f"until [ -e {wait_for} ]; do sleep 0.05; done"]}
        link = self.start_all(config=config)
        link.command("hold", "hold", parameters=self.signer.parameters("hold", "hold"))
        link.command("trace", "a", parameters=self.signer.parameters("trace", "a", seconds=3))
        wait_until(lambda: self.client.status()["queuedCommands"] == 1, "it waits", context=self.client.tail)
        time.sleep(5)
        wait_for.touch()
        self.assertIn("is too late", self.refused("a"))
        self.assertEqual(self.runs(), 0)

    def test_sign(self):
        """`sign` prints a message whose signature OpenSSL verifies and whose command runs; --new-key makes such a key."""
        key = self.directory / "person.key"
        made = run_client("sign", "--new-key", key)
        self.assertEqual((made.returncode, key.stat().st_mode & 0o777), (0, 0o600), made)
        again = run_client("sign", "--new-key", key)
        self.assertEqual(again.returncode, 1)
        self.assertIn("File exists", again.stderr)
        (self.directory / "taken.pem").touch()
        self.assertEqual(run_client("sign", "--new-key", self.directory / "taken.key").returncode, 1)
        self.assertFalse((self.directory / "taken.key").exists())
        (self.directory / "private.key").touch()
        self.assertEqual(run_client("sign", "--new-key", self.directory / "private.key").returncode, 1)
        self.assertFalse((self.directory / "private.pem").exists())
        person = Signer.__new__(Signer)
        person.name, person.file, person.public = "person", key, self.directory / "person.pem"
        person._form = self.directory / "person.form"
        person.trust_in(self.keys)

        options = ["--key", key, "--instance", "WEB1", "--id", "a", "--not-after", int(time.time()) + 60, "--param", "word=\u00e9 x", "trace"]
        signed = run_client("sign", *options)
        message = json.loads(signed.stdout)
        self.assertEqual((message["instanceId"], message["command"], message["commandSyncId"]), ("WEB1", "trace", "a"))
        form = signed_form("WEB1", "a", "trace", "person", message["parameters"]["jiro.notAfter"], {"word": "\u00e9 x"})
        self.assertEqual(run_client("sign", "--signed-form", *options).stdout.encode(), form)
        self.assertTrue(person.verifies(form, base64.b64decode(message["parameters"]["jiro.signature"], validate=True)))
        self.assertFalse(person.verifies(form + b"x", base64.b64decode(message["parameters"]["jiro.signature"])))

        link = self.start()
        link.invoke(message)
        self.assertTrue(self.result("a").is_success)

        for arguments, code, why in (
            (["x"], 2, "--key"),
            (["--key", key], 2, "text"),
            (["--key", self.directory / "none", "x"], 1, "none: cannot be opened"),
            (["--key", person.public, "x"], 1, "holds no private key"),
            (["--key", key, "--valid-for", "10x", "x"], 2, "valid-for"),
            (["--key", key, "--key-id", "a b", "x"], 1, "a key is named with"),
            (["--key", key, "--valid-for", "9223372036854775807", "x"], 2, "valid-for"),
            (["--key", key, "--valid-for", "-5", "x"], 2, "valid-for"),
            (["--key", key, "--valid-for", "366d", "x"], 2, "valid-for"),
            (["--key", key, "--not-after", "-5", "x"], 1, "is not a time in seconds since 1970"),
            (["--key", key, "--not-after", "5", "x"], 1, "is too late"),
            (["--key", key, "--not-after", "253402300799", "x"], 1, "is not a time in seconds since 1970"),
            (["--key", key, "--not-after", int(time.time()) + 400 * 86400, "x"], 1, "ids are remembered for so long"),
            (["--key", key, "--param", "a=1", "--param", "A=2", "x"], 2, "the parameter A is given twice"),
            (["--key", key, "--param", "a=\udcff", "x"], 2, "--param: it is not UTF-8 text"),
            (["--key", key, "a\udcff"], 2, "text: it is not UTF-8 text"),
            (["--key", key, "--id", "a\nb", "x"], 1, "commandSyncId"),
            (["--key", key, "--valid-for", "30min", "x"], 0, ""),
        ):
            done = run_client("sign", *arguments)
            self.assertEqual(done.returncode, code, done)
            self.assertIn(why, done.stderr)

    def test_keys_of_another_kind(self):
        """check-config names each file of the folder that is no Ed25519 public key, and what it is."""
        config = self.directory / "config.yaml"
        config.write_text(json.dumps(self.config()))
        self.assertEqual(run_client("check-config", "--config", config).returncode, 0)
        rsa = self.directory / "rsa.key"
        openssl("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048", "-out", rsa)
        openssl("pkey", "-in", rsa, "-pubout", "-out", self.keys / "rsa.pem")
        openssl("genpkey", "-algorithm", "x25519", "-out", rsa)
        openssl("pkey", "-in", rsa, "-pubout", "-out", self.keys / "x25519.pem")
        (self.keys / "private.pem").write_bytes(self.signer.file.read_bytes())
        (self.keys / "copy.pem").write_bytes(self.signer.public.read_bytes())
        (self.keys / "empty.pem").touch()
        (self.keys / "two words.pem").write_bytes(self.signer.public.read_bytes())
        (self.keys / "link.pem").symlink_to(self.signer.public)
        (self.keys / "huge.pem").write_bytes(b"x" * 1_100_000)
        open_one = self.keys / "open.pem"
        open_one.write_bytes(self.signer.public.read_bytes())
        open_one.chmod(0o666)
        for name, mode in (("below", 0o755), ("between", 0o775)):  # a link to a folder below
            (self.keys / f"..{name}").mkdir()
            (self.keys / f"..{name}").chmod(mode)
            (self.keys / f"..{name}" / "key").write_bytes(Signer(self.directory.path, name).public.read_bytes())
            (self.keys / f"{name}.pem").symlink_to(f"..{name}/key")
        (self.keys / "README").write_text("no key, and nobody minds")
        checked = run_client("check-config", "--config", config)
        self.assertEqual(checked.returncode, 78)
        for name, why in (
            ("rsa", "holds a key of RSA, not of Ed25519"),
            ("x25519", "holds a key of X25519, not of Ed25519"),
            ("private", "holds a private key"),
            ("copy", "is the same key as"),
            ("empty", "holds nothing in PEM form"),
            ("two words", "a key is named with"),
            ("link", "out of this folder"),
            ("huge", "is larger than the limit"),
            ("open", "others than its owner may write it"),
            ("between", "others than its owner may write it or, behind a link, its folder"),
        ):
            lines = [line for line in checked.stderr.splitlines() if line.startswith(f"{self.keys / name}.pem: ")]
            if name == "copy":  # whichever of the two comes second is the copy
                lines += [line for line in checked.stderr.splitlines() if "is the same key as copy.pem" in line]
            self.assertTrue(lines and any(why in line for line in lines), f"{name}: {checked.stderr}")
        self.assertNotIn("README", checked.stderr)
        self.assertNotIn("below.pem", checked.stderr)

    def test_what_require_needs(self):
        """Without a name for the machine, keys, or a memory of ids, a signature would not mean what it says: refused by name."""
        config = self.directory / "config.yaml"
        empty = self.directory / "empty.d"
        empty.mkdir()
        base = self.config()
        for change, why in (
            ({"InstanceId": ""}, "InstanceId is not set"),
            ({"Outbox": {"Path": ":memory:"}}, "would run once more"),
            ({"Outbox": {"DedupeWindowHours": 0}}, "DedupeWindowHours is 0"),
            ({"Commands": {"Trust": {"Require": "exec"}}}, "nobody could sign a command"),
            ({"Commands": {"Trust": {"Require": "exec", "Keys": str(empty)}}}, "holds no key"),
            ({"Commands": {"Trust": {"Require": "exec", "Keys": "/nowhere"}}}, "there is no folder /nowhere"),
            ({"Commands": {"Trust": {"Require": "always", "Keys": str(self.keys)}}}, "must be none, exec or all"),
        ):
            config.write_text(json.dumps({**base, **change}))
            checked = run_client("check-config", "--config", config)
            self.assertEqual(checked.returncode, 78, (change, checked))
            self.assertIn(why, checked.stderr)
