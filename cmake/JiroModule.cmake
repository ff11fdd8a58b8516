# SPDX-License-Identifier: MIT
# jiro_module(<name> [SMALL] SOURCES ... [LINK modules and libraries that its headers need] [PRIVATE_LINK libraries of its .cpp files])
# makes the static library jiro_<name>: public headers in include/jiro/<name>, private ones beside their .cpp. SMALL: what no command passes through
# is compiled for size: a daemon that is idle is smaller.
function(jiro_module name)
  cmake_parse_arguments(ARG "SMALL" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(jiro_${name} STATIC ${ARG_SOURCES})
  target_include_directories(jiro_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>
                             PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(jiro_${name} PUBLIC ${ARG_LINK} PRIVATE $<BUILD_INTERFACE:jiro_warnings> ${ARG_PRIVATE_LINK})
  if(ARG_SMALL)
    target_compile_options(jiro_${name} PRIVATE $<$<CONFIG:Release>:-Os>)
  endif()
endfunction()

# jiro_test(<name> SOURCES ... [LINK ...] [LABELS ...]): one GoogleTest program, one ctest entry for each of its cases.
function(jiro_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} jiro_test_main jiro_test_support GTest::gmock jiro_warnings)
  gtest_discover_tests(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 120 DISCOVERY_TIMEOUT 60)
endfunction()
