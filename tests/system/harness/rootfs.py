# SPDX-License-Identifier: MIT
"""The file system of the machines: a minimal Debian with systemd (JIRO_SYSTEM_SUITE: bookworm, trixie), made once and kept as a tar beside the packages."""

import hashlib
import os
import pathlib
import re
import subprocess

from .machine import CannotBoot

# What a small server has beyond Debian's `minbase`. No procps, no curl: a dependency that the packages forget shows here.
# Python is for the hostile program only (hostile.py).
BASE = ("systemd", "systemd-sysv", "dbus", "python3")
SUITE = os.environ.get("JIRO_SYSTEM_SUITE", "bookworm")


def dependencies(packages):
    """The names that the packages depend on, but not each other."""
    names = set()
    for package in packages:
        fields = subprocess.run(
            ["dpkg-deb", "-f", package, "Depends"], check=True, capture_output=True, text=True
        ).stdout
        names.update(re.match(r"[^ (|:]+", item.strip())[0] for item in fields.split(",") if item.strip())
    return sorted(names)


def make(packages, cache):
    """The tar's path; about 20 s when it has to be made."""
    include = ",".join((*BASE, *dependencies(packages)))
    key = hashlib.sha256(f"{SUITE} {include}".encode()).hexdigest()[:12]
    tar = pathlib.Path(cache) / f"rootfs-{key}.tar"
    if tar.exists():
        return tar
    tar.parent.mkdir(parents=True, exist_ok=True)
    scratch = tar.parent / f"scratch-{os.getpid()}"
    scratch.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", scratch], check=True)
        new = tar.with_suffix(f".{os.getpid()}")
        subprocess.run(
            ["mmdebstrap", "--quiet", "--format=tar", "--variant=minbase", "--mode=root", f"--include={include}"]
            + ["--aptopt=Acquire::Languages \"none\"", "--dpkgopt=force-unsafe-io", SUITE, new],
            check=True,
            env={**os.environ, "TMPDIR": str(scratch)},
        )
        new.rename(tar)
    except subprocess.CalledProcessError as error:
        raise CannotBoot(f"no Debian file system could be made (exit code {error.returncode}); is a mirror in reach?") from error
    finally:
        subprocess.run(["umount", "-q", scratch], check=False)
        scratch.rmdir()
    return tar
