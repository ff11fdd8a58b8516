// SPDX-License-Identifier: MIT
#include <exception>
#include <iostream>

#include "dev_hub/cli.hpp"

int main(int argc, char** argv) {
    try {
        return jiro::dev_hub::run_cli(argc, argv);
    } catch (const std::exception& failure) {
        std::cerr << "jiro-dev-hub: " << failure.what() << std::endl;
        return 1;
    }
}
