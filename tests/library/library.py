#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Installs the component `signalr` of a build, builds examples/signalr-client against what was installed, by CMake and by pkg-config, and
lets it listen to the development hub.

    library.py BUILD JIRO-DEV-HUB
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/signalr-client"


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout[:3000]}\n{done.stderr[:3000]}"
    return done.stdout


def sanitizer(build):
    for line in (build / "CMakeCache.txt").read_text().splitlines():
        if line.startswith("JIRO_SANITIZE:") and line.split("=", 1)[1] not in ("", "OFF"):
            return [f"-fsanitize={line.split('=', 1)[1]}"]
    return []


def main(build, hub_program):
    with tempfile.TemporaryDirectory(prefix="jiro-library-") as scratch:
        scratch = pathlib.Path(scratch)
        prefix = scratch / "installed"
        run("cmake", "--install", build, "--component", "signalr", "--prefix", prefix)
        assert not (prefix / "bin").exists(), "the programs are other components"
        flags = sanitizer(build)
        run("cmake", "-S", EXAMPLE, "-B", scratch / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_CXX_FLAGS={' '.join(flags)}")
        run("cmake", "--build", scratch / "build")
        environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
        words = run("pkg-config", "--cflags", "--libs", "jiro-signalr", env=environment).split()
        run("g++", *flags, EXAMPLE / "listen.cpp", "-o", scratch / "listen", *words)

        ports_file, control = scratch / "ports.json", scratch / "hub.sock"
        hub = subprocess.Popen([hub_program, "serve", "--hub", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--control", control,
                                "--port-file", ports_file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 30
            while not (ports_file.exists() and ports_file.read_text()) and time.monotonic() < deadline:
                time.sleep(0.05)
            url = json.loads(ports_file.read_text())["hubUrl"]
            for program in (scratch / "build/listen", scratch / "listen"):
                listener = subprocess.Popen([program, url, "ReceiveCommand", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                run(hub_program, "send", "--control", control, "--wait", "none", "--wait-client", "20000", "one", timeout=60)
                run(hub_program, "send", "--control", control, "--wait", "none", "two", timeout=60)
                out, said = listener.communicate(timeout=60)
                assert listener.returncode == 0, said
                assert [json.loads(line)["command"] for line in out.splitlines()] == ["one", "two"], out
                assert "Connected" in said and said.splitlines()[-1].startswith("Disconnected"), said
            usage = subprocess.run([program, "not a url", "x"], capture_output=True, text=True)
            assert usage.returncode == 2 and "not a url" in usage.stderr, usage
        finally:
            hub.terminate()
            hub.wait()
    print("installed, found, built twice, and it listens")


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
