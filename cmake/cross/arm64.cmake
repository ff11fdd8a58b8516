# SPDX-License-Identifier: MIT
# A cross build for Debian's arm64 on another architecture: crossbuild-essential-arm64 and the arm64 libraries beside this
# machine's own tools (multiarch). What the build itself must run (test discovery) runs under qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(triplet aarch64-linux-gnu)
set(JIRO_DEBIAN_ARCHITECTURE arm64)
include(${CMAKE_CURRENT_LIST_DIR}/multiarch.cmake)
