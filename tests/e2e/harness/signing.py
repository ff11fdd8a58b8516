# SPDX-License-Identifier: MIT
"""Signs commands without the program under test: the form as docs/signing.md has it, the signature by OpenSSL's command line."""

import base64
import shutil
import subprocess
import time

OPENSSL = shutil.which("openssl")


def openssl(*arguments, **options):
    return subprocess.run([OPENSSL, *map(str, arguments)], check=True, capture_output=True, **options).stdout


def signed_form(instance, sync_id, command, key_id, not_after, parameters):
    def netstring(text):
        return b"%d:%b," % (len(text.encode()), text.encode())

    texts = [instance.lower(), sync_id, command, key_id, not_after]
    for name, value in sorted(parameters.items(), key=lambda pair: pair[0].encode()):
        texts += [name, value]
    return b"jiro-command-1\n" + b"".join(map(netstring, texts))


class Signer:
    def __init__(self, directory, name="ci-2026"):
        self.name = name
        self.file, self.public, self._form = (directory / f"{name}{ending}" for ending in (".key", ".public", ".form"))
        openssl("genpkey", "-algorithm", "ed25519", "-out", self.file)
        openssl("pkey", "-in", self.file, "-pubout", "-out", self.public)

    def trust_in(self, folder):
        folder.mkdir(exist_ok=True)
        shutil.copy(self.public, folder / f"{self.name}.pem")

    def parameters(self, command, sync_id, instance="web1", seconds=600, **parameters):
        """Those of the command with the three of the signature."""
        not_after = str(int(time.time()) + seconds)
        self._form.write_bytes(signed_form(instance, sync_id, command, self.name, not_after, parameters))
        signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.file, "-in", self._form)
        text = base64.b64encode(signature).decode()
        return {**parameters, "jiro.keyId": self.name, "jiro.notAfter": not_after, "jiro.signature": text}

    def verifies(self, form, signature):
        self._form.write_bytes(form)
        file = self._form.with_suffix(".signature")
        file.write_bytes(signature)
        done = subprocess.run(
            [OPENSSL, "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", self.public, "-in", self._form, "-sigfile", file],
            capture_output=True, text=True, check=False,
        )
        return done.returncode == 0
