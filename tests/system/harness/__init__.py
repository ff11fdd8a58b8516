# SPDX-License-Identifier: MIT
"""A booted Debian with its own systemd, and what the system tests share. Needs root; leaves nothing behind.

`rootfs` makes the file system once, `machine` boots it, `case` is the base of the tests. Python's standard library only.
"""
