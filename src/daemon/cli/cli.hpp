// SPDX-License-Identifier: MIT
#pragma once
// The command line of jiro-client (design: `jiro-client --help`). Called by main only.

namespace jiro::daemon::cli {

// Parses, runs the subcommand, returns the exit code. An exception that leaves a subcommand becomes one line and exit
// code 1.
int main(int argc, char** argv);

}  // namespace jiro::daemon::cli
