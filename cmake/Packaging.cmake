# SPDX-License-Identifier: MIT
# Installation and the Debian packages: jiro-client, and jiro-dev-hub on its own. `scripts/package` makes both.
# Everything is relative to /usr but the configuration, so the packages need CMAKE_INSTALL_PREFIX=/usr.

# Whoever publishes packages says who answers for them; nobody is named in the repository.
set(JIRO_MAINTAINER "The maintainers of jiro-client <maintainers@jiro-client.invalid>"
    CACHE STRING "Maintainer of the Debian packages: Name <address>")

set(debian_dir ${PROJECT_SOURCE_DIR}/cmake/debian)
set(packaging_dir ${PROJECT_BINARY_DIR}/packaging)
file(MAKE_DIRECTORY ${packaging_dir})
find_program(GZIP_PROGRAM gzip REQUIRED)

# gzipped(<file> <name>): ${packaging_dir}/<name>.gz, the same bytes each time.
function(gzipped file name)
  execute_process(COMMAND ${GZIP_PROGRAM} -9nc ${file} OUTPUT_FILE ${packaging_dir}/${name}.gz COMMAND_ERROR_IS_FATAL ANY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
endfunction()

# jiro-client.yaml(5) quotes the configuration that is installed, so that it cannot fall behind.
file(READ ${PROJECT_SOURCE_DIR}/config/config.yaml MAN_CONFIG)
string(REPLACE "\\" "\\e" MAN_CONFIG "${MAN_CONFIG}")
string(REPLACE "-" "\\-" MAN_CONFIG "${MAN_CONFIG}")
string(REGEX REPLACE "(^|\n)([.'])" "\\1\\\\&\\2" MAN_CONFIG "${MAN_CONFIG}")
configure_file(${PROJECT_SOURCE_DIR}/docs/man/jiro-client.yaml.5.in ${packaging_dir}/jiro-client.yaml.5 @ONLY)
gzipped(${packaging_dir}/jiro-client.yaml.5 jiro-client.yaml.5)
gzipped(${PROJECT_SOURCE_DIR}/docs/man/jiro-client.8 jiro-client.8)
gzipped(${PROJECT_SOURCE_DIR}/docs/man/jiro-dev-hub.1 jiro-dev-hub.1)
gzipped(${PROJECT_SOURCE_DIR}/CHANGELOG.md CHANGELOG.md)
# Debian wants a changelog of its own form; ours is beside it. Its date is that of the last change.
set(date_form "%a, %d %b %Y %H:%M:%S +0000")
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  string(TIMESTAMP CHANGELOG_DATE ${date_form} UTC)  # that moment
else()
  file(TIMESTAMP ${PROJECT_SOURCE_DIR}/CHANGELOG.md CHANGELOG_DATE ${date_form} UTC)
endif()
foreach(PACKAGE jiro-client jiro-dev-hub)
  configure_file(${debian_dir}/changelog.in ${packaging_dir}/${PACKAGE}/changelog @ONLY)
  gzipped(${packaging_dir}/${PACKAGE}/changelog ${PACKAGE}/changelog)
endforeach()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/config/config.yaml)

install(TARGETS jiro-client RUNTIME DESTINATION bin COMPONENT client)
install(FILES systemd/jiro-client.service systemd/jiro-client@.service systemd/jiro-command.socket
              systemd/jiro-command@.service DESTINATION lib/systemd/system COMPONENT client)
install(FILES systemd/jiro-client.sysusers DESTINATION lib/sysusers.d RENAME jiro-client.conf COMPONENT client)
install(FILES systemd/jiro-client.catalog DESTINATION lib/systemd/catalog COMPONENT client)
install(FILES systemd/relaxed-commands.conf.example systemd/undefined-commands.conf.example DESTINATION share/doc/jiro-client/examples COMPONENT client)
install(FILES config/config.yaml DESTINATION /etc/jiro COMPONENT client)
install(DIRECTORY DESTINATION /etc/jiro/config.d COMPONENT client)
install(DIRECTORY DESTINATION /etc/jiro/commands.d COMPONENT client)
install(FILES monitoring/jiro-client.rules.yml monitoring/jiro-client.dashboard.json
        DESTINATION share/jiro-client/monitoring COMPONENT client)
install(FILES systemd/completions/jiro-client.bash DESTINATION share/bash-completion/completions RENAME jiro-client
        COMPONENT client)
install(FILES systemd/completions/_jiro-client DESTINATION share/zsh/vendor-completions COMPONENT client)
install(FILES systemd/completions/jiro-client.fish DESTINATION share/fish/vendor_completions.d COMPONENT client)
install(FILES ${packaging_dir}/jiro-client.8.gz DESTINATION share/man/man8 COMPONENT client)
install(FILES ${packaging_dir}/jiro-client.yaml.5.gz DESTINATION share/man/man5 COMPONENT client)
install(FILES ${packaging_dir}/jiro-client/changelog.gz ${packaging_dir}/CHANGELOG.md.gz
        DESTINATION share/doc/jiro-client COMPONENT client)
install(FILES ${debian_dir}/copyright DESTINATION share/doc/jiro-client COMPONENT client)
# scripts/package makes them, after the programs.
install(FILES ${packaging_dir}/jiro-client.spdx.json DESTINATION share/doc/jiro-client COMPONENT client OPTIONAL)
install(FILES ${packaging_dir}/jiro-dev-hub.spdx.json DESTINATION share/doc/jiro-dev-hub COMPONENT dev-hub OPTIONAL)

install(TARGETS jiro-dev-hub RUNTIME DESTINATION bin COMPONENT dev-hub)
install(FILES ${packaging_dir}/jiro-dev-hub.1.gz DESTINATION share/man/man1 COMPONENT dev-hub)
install(FILES ${packaging_dir}/jiro-dev-hub/changelog.gz DESTINATION share/doc/jiro-dev-hub COMPONENT dev-hub)
install(FILES ${debian_dir}/copyright DESTINATION share/doc/jiro-dev-hub COMPONENT dev-hub)

# What StaticGrpc.cmake links from archives goes into our programs, and so do its licences into the packages.
if(grpc_archives)
  foreach(library absl c-ares grpc protobuf re2)
    foreach(package jiro-client jiro-dev-hub)
      string(REPLACE "jiro-" "" component ${package})
      install(FILES /usr/share/doc/lib${library}-dev/copyright DESTINATION share/doc/${package}/licences
              RENAME ${library} COMPONENT ${component} OPTIONAL)
    endforeach()
  endforeach()
endif()

# Boost's headers and Boost.URL's archive are in our programs always.
file(GLOB boost_licences /usr/share/doc/libboost-url*-dev/copyright)
foreach(component client dev-hub)
  foreach(licence ${boost_licences})
    install(FILES ${licence} DESTINATION share/doc/jiro-${component}/licences RENAME boost COMPONENT ${component})
  endforeach()
endforeach()

# So is the daemon's allocator in the daemon.
install(FILES /usr/share/doc/libjemalloc-dev/copyright DESTINATION share/doc/jiro-client/licences RENAME jemalloc
        COMPONENT client OPTIONAL)

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL client dev-hub)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
# Staged under a DESTDIR: the configuration's absolute path must not touch this machine.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PACKAGE_VENDOR "jiro-client")
# Each package's own description begins with its summary.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${JIRO_MAINTAINER}")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
if(CMAKE_CROSSCOMPILING)
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE ${JIRO_DEBIAN_ARCHITECTURE})  # cmake/cross
endif()
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_DEBUGINFO_PACKAGE ON)

set(CPACK_DEBIAN_CLIENT_PACKAGE_NAME jiro-client)
set(CPACK_DEBIAN_CLIENT_PACKAGE_SECTION net)
set(CPACK_DEBIAN_CLIENT_PACKAGE_DEPENDS "systemd, init-system-helpers (>= 1.52), ca-certificates")
set(CPACK_DEBIAN_CLIENT_PACKAGE_CONTROL_EXTRA
    "${debian_dir}/conffiles;${debian_dir}/preinst;${debian_dir}/postinst;${debian_dir}/prerm;${debian_dir}/postrm")
set(CPACK_DEBIAN_CLIENT_DESCRIPTION
    "commands from a SignalR hub, results over gRPC
jiro-client keeps a connection to a SignalR hub, runs the commands that the
hub sends, and delivers each result to a gRPC server until it is confirmed.
What is not confirmed yet is kept on disk and outlives restarts, crashes and
outages.")

set(CPACK_DEBIAN_DEV-HUB_PACKAGE_NAME jiro-dev-hub)
set(CPACK_DEBIAN_DEV-HUB_PACKAGE_SECTION net)
set(CPACK_DEBIAN_DEV-HUB_DESCRIPTION
    "development hub for jiro-client
jiro-dev-hub is the development hub of jiro-client: a SignalR hub and its
gRPC results service in one process, for trying, demonstrations and tests. Not
for production: it has no authentication worth the name.")
include(CPack)
