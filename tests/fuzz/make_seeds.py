#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes corpus/<target>/ anew from the protocol vectors: python3 tests/fuzz/make_seeds.py"""

import hashlib
import json
import pathlib
import shutil

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = HERE.parent / "unit" / "signalr" / "vectors" / "vectors.json"
LARGEST = 1024  # bytes of a seed
MOST = 60  # seeds of a target
SEPARATOR = "\x1e"


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from texts(member)


def objects(value):
    """Every object below `value`: vectors hold negotiate bodies and messages as JSON, not only as text."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from objects(member)
    elif isinstance(value, list):
        for member in value:
            yield from objects(member)


def collect():
    seeds = {name: [] for name in ("record_splitter", "json_codec", "handshake", "negotiate", "url")}
    for vector in json.loads(VECTORS.read_text()):
        for text in texts(vector):
            if SEPARATOR in text:
                seeds["record_splitter"].append("\x07" + text)
                kind = "handshake" if vector["direction"] == "handshake" else "json_codec"
                seeds[kind] += [record for record in text.split(SEPARATOR) if record]
            elif text.startswith(("http://", "https://", "ws://", "wss://")):
                seeds["url"].append(text + "\ntoken+/=&")
            elif text.startswith("{") and "negotiate" in vector["direction"] + vector["name"]:
                seeds["negotiate"].append(text)
        for thing in objects(vector):
            compact = json.dumps(thing, separators=(",", ":"))
            if "availableTransports" in thing or ("url" in thing and "negotiate" in vector["name"]) or "ProtocolVersion" in thing:
                seeds["negotiate"].append(compact)
            elif isinstance(thing.get("type"), int):
                seeds["json_codec"].append(compact)
    return seeds


def main():
    for target, found in collect().items():
        folder = HERE / "corpus" / target
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        unique = sorted({text.encode("utf-8", "surrogatepass") for text in found}, key=lambda data: (len(data), data))
        small = [data for data in unique if 0 < len(data) <= LARGEST]
        step = max(1, -(-len(small) // MOST))
        for data in small[::step]:
            (folder / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)
        print(f"{target}: {len(small[::step])} seeds of {len(unique)} texts")


if __name__ == "__main__":
    main()
