// SPDX-License-Identifier: MIT
#include "daemon/cli/cli.hpp"

int main(int argc, char** argv) { return jiro::daemon::cli::main(argc, argv); }
