# SPDX-License-Identifier: MIT
# The SignalR client as a library for others: `cmake --install BUILD --component signalr --prefix DIR` gives headers, static
# libraries, find_package(jiro-signalr) with the target jiro::signalr, and pkg-config's jiro-signalr.
# examples/signalr-client is built against it by a test.
include(CMakePackageConfigHelpers)
set(signalr_cmake_dir lib/cmake/jiro-signalr)

foreach(module base http signalr)
  set_target_properties(jiro_${module} PROPERTIES EXPORT_NAME ${module})
  install(TARGETS jiro_${module} EXPORT jiro-signalr ARCHIVE DESTINATION lib COMPONENT signalr EXCLUDE_FROM_ALL)
  install(DIRECTORY include/jiro/${module} DESTINATION include/jiro COMPONENT signalr EXCLUDE_FROM_ALL
          PATTERN sqlite.hpp EXCLUDE PATTERN database_file.hpp EXCLUDE)
endforeach()
install(EXPORT jiro-signalr NAMESPACE jiro:: DESTINATION ${signalr_cmake_dir} COMPONENT signalr EXCLUDE_FROM_ALL)

configure_package_config_file(cmake/jiro-signalr-config.cmake.in ${PROJECT_BINARY_DIR}/jiro-signalr-config.cmake
                              INSTALL_DESTINATION ${signalr_cmake_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/jiro-signalr-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/jiro-signalr-config.cmake ${PROJECT_BINARY_DIR}/jiro-signalr-config-version.cmake
        DESTINATION ${signalr_cmake_dir} COMPONENT signalr EXCLUDE_FROM_ALL)

# The headers must see what the libraries were compiled with.
get_target_property(signalr_definitions jiro_base INTERFACE_COMPILE_DEFINITIONS)
list(TRANSFORM signalr_definitions PREPEND "-D")
list(JOIN signalr_definitions " " SIGNALR_CFLAGS)
get_target_property(SIGNALR_BOOST_URL Boost::url LOCATION)
configure_file(cmake/jiro-signalr.pc.in ${PROJECT_BINARY_DIR}/jiro-signalr.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/jiro-signalr.pc DESTINATION lib/pkgconfig COMPONENT signalr EXCLUDE_FROM_ALL)
