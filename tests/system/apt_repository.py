#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/apt-repository with apt itself as the judge: signed, more than one architecture, added to, and refused when a byte is changed."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/apt-repository"


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)


def package(folder, version, architecture):
    root = folder / f"{version}-{architecture}"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(f"Package: example\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: A <a@example.invalid>\nDescription: x\n")
    run("dpkg-deb", "--root-owner-group", "--build", root, folder, check=True)
    return folder / f"example_{version}_{architecture}.deb"


class Apt:
    """apt-get with folders of its own, for one source."""

    def __init__(self, folder, repository, key, architecture):
        (folder / "lists/partial").mkdir(parents=True)
        source = folder / "sources.list"
        source.write_text(f"deb [signed-by={key} arch={architecture}] file:{repository} bookworm main\n")
        self.options = [f"-oDir::Etc::SourceList={source}", "-oDir::Etc::SourceParts=/dev/null", f"-oDir::State::Lists={folder}/lists",
                        f"-oDir::Cache={folder}", "-oAPT::Sandbox::User=root"]

    def update(self):
        return run("apt-get", *self.options, "update", "-oAPT::Update::Error-Mode=any")

    def versions(self):
        return [line.split("|")[1].strip() for line in run("apt-cache", *self.options, "madison", "example").stdout.splitlines()]


def main():
    if not all(map(shutil.which, ("apt-ftparchive", "apt-get", "gpg", "dpkg-deb"))):
        print("skipped: it needs apt-utils, gpg and dpkg")
        sys.exit(77)
    native = run("dpkg", "--print-architecture", check=True).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="jiro-apt-") as scratch:
        scratch = pathlib.Path(scratch)
        home = scratch / "gpg"
        home.mkdir(mode=0o700)
        environment = {**os.environ, "GNUPGHOME": str(home)}
        run("gpg", "--batch", "--passphrase", "", "--quick-gen-key", "a@example.invalid", "ed25519", env=environment, check=True)
        key = scratch / "key.asc"
        key.write_text(run("gpg", "--armor", "--export", env=environment, check=True).stdout)

        repository = scratch / "repository"
        signed = {**environment, "APT_KEY": "a@example.invalid"}
        for files in ([package(scratch, "1.0", native)], [package(scratch, "1.1", native), package(scratch, "1.1", "riscv64")]):
            made = run(SCRIPT, repository, "bookworm", *files, env=signed)
            assert made.returncode == 0, made.stderr
        apt = Apt(scratch / "apt", repository, key, native)
        updated = apt.update()
        assert updated.returncode == 0, updated.stderr
        assert apt.versions() == ["1.1", "1.0"], apt.versions()
        assert (repository / "dists/bookworm/main/binary-riscv64/Packages").read_text().count("Package: example") == 1

        index = repository / f"dists/bookworm/main/binary-{native}/Packages"
        for file in (index, index.with_suffix(".gz")):
            file.write_bytes(file.read_bytes() + b"\n")
        changed = Apt(scratch / "apt2", repository, key, native).update()
        assert changed.returncode != 0, "a changed index was taken"
        assert run(SCRIPT, repository, "bookworm").returncode == 2
        run("gpgconf", "--kill", "all", env=environment)
    print("apt takes it, and refuses what was changed")


main()
