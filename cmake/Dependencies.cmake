# SPDX-License-Identifier: MIT
# Third-party libraries, all from the distribution's packages (scripts/install-dependencies names them).
find_package(Threads REQUIRED)
set(Boost_USE_STATIC_LIBS ON)  # Boost.URL: the rest that we use is headers only
find_package(Boost 1.81 CONFIG REQUIRED COMPONENTS url)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Protobuf REQUIRED)
# gRPC finds re2 by asking pkg-config eight times, which takes it 16 s on Debian 13: the target that it looks for first.
find_library(RE2_LIBRARY re2 REQUIRED)
add_library(re2::re2 INTERFACE IMPORTED)
target_link_libraries(re2::re2 INTERFACE ${RE2_LIBRARY})
find_package(gRPC CONFIG REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CLI11 REQUIRED)
# Headers only; each release names their CMake targets differently, if at all.
find_path(UTF8CPP_INCLUDE_DIR utf8.h REQUIRED)
find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
# The programs' allocator: the archive, so that it weighs what is used of it. Sanitizers bring their own.
find_library(JEMALLOC_LIBRARY libjemalloc_pic.a REQUIRED)
add_library(jiro_allocator INTERFACE)
if(NOT JIRO_SANITIZE)
  target_link_libraries(jiro_allocator INTERFACE ${JEMALLOC_LIBRARY})
endif()
