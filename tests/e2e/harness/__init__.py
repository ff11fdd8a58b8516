# SPDX-License-Identifier: MIT
"""What the outside tests share: the built programs as processes, and a server of our own that can say anything.

Python's standard library only. Nothing here shares code with the client or with the development hub: the hub protocol,
HTTP/2 and protobuf are written from their specifications, so that a mistake cannot hide on both sides.
"""
