// SPDX-License-Identifier: MIT
#pragma once
// The keys of Commands.Trust.Keys: the folder's *.pem files, each the public key of somebody who may sign commands,
// named as the file is. Read with the configuration, and with it only: whoever takes a key away reloads.

#include <vector>

#include "config/node.hpp"
#include "jiro/commands/settings.hpp"
#include "jiro/config/config.hpp"

namespace jiro::config {

// Fills trust.keys from trust.keys_folder. A file that holds no Ed25519 public key, two of one key, a folder with no
// key where signatures are required: problems, at the file, or at `place`, where the folder is named.
void read_trusted_keys(commands::Trust& trust, const Place& place, Problems& problems, std::vector<Warning>& warnings);

}  // namespace jiro::config
