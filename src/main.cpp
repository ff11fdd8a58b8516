// SPDX-License-Identifier: MIT
#include "daemon/cli/cli.hpp"
#include "jiro/base/outside_calls.hpp"

int main(int argc, char** argv) { jiro::leave_process(jiro::daemon::cli::main(argc, argv)); }
