# SPDX-License-Identifier: MIT
# Language level, warnings, sanitizers, compiler cache and linker: everything about how our own code is compiled.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
# The packages keep the debug symbols apart (-dbgsym); the same bytes come out wherever the tree lies.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG -ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -ffile-prefix-map=${PROJECT_BINARY_DIR}=build")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
# What is shipped is linked by the distribution's own linker: Debian 12's mold packs relocations in a form that its libc refuses.
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM AND NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  add_link_options(-fuse-ld=mold)
endif()

if(JIRO_SANITIZE)
  add_compile_options(-fsanitize=${JIRO_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=${JIRO_SANITIZE})
endif()

# Daemons read hostile bytes: build them position independent, with the libc and libstdc++ checks on.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()
add_compile_options(-fstack-protector-strong)
add_compile_definitions(_GLIBCXX_ASSERTIONS $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
add_link_options(-Wl,-z,relro,-z,now)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-ffunction-sections -fdata-sections)
  add_link_options(-Wl,--gc-sections -Wl,--as-needed)
  # The start reads all of the relocations: 57 KB of tables instead of 490.
  include(CheckLinkerFlag)
  check_linker_flag(CXX -Wl,-z,pack-relative-relocs JIRO_PACKS_RELOCATIONS)
  if(JIRO_PACKS_RELOCATIONS)
    add_link_options(-Wl,-z,pack-relative-relocs)
  endif()
endif()

# Linked by every target of ours; generated code and third-party headers (SYSTEM) are not held to it.
add_library(jiro_warnings INTERFACE)
target_compile_options(jiro_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(jiro_warnings INTERFACE -Wshadow=local)
  # GCC 12 reports false positives from inside Asio's coroutine frames under optimisation and sanitizers.
  target_compile_options(jiro_warnings INTERFACE -Wno-maybe-uninitialized -Wno-mismatched-new-delete)
  # A unity file includes ours, so every function in them looks to GCC like one of a header whose coroutine frame must not
  # hold a type of an anonymous namespace. Built one by one, the same files are held to it.
  if(CMAKE_UNITY_BUILD)
    target_compile_options(jiro_warnings INTERFACE -Wno-subobject-linkage)
  endif()
  # Asio has fences, which ThreadSanitizer does not follow; none of ours does.
  if(JIRO_SANITIZE MATCHES thread)
    target_compile_options(jiro_warnings INTERFACE -Wno-tsan)
  endif()
endif()
