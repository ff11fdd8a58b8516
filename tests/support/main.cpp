// SPDX-License-Identifier: MIT
// The end of a test program, as of the daemon: a call to the outside that is still under way (it reads a file, say)
// must not meet destructors of the libraries that it uses.
#include <gmock/gmock.h>

#include "jiro/base/outside_calls.hpp"

int main(int count, char** words) {
    testing::InitGoogleMock(&count, words);
    jiro::leave_process(RUN_ALL_TESTS());
}
