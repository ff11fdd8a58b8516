// SPDX-License-Identifier: MIT
#pragma once
// One word from the model, for `jiro-client doctor`: whether endpoint, key and model name work together. By the same
// code and with the same errors as a question, without a session.

#include <functional>
#include <string>

#include "jiro/assistant/settings.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/environment.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/secret.hpp"
#include "jiro/base/task.hpp"

namespace jiro::assistant {

// The key is in api_key; asked at each request.
using CredentialsProvider = std::function<Result<Credentials>()>;

// What it answered.
[[nodiscard]] Task<Result<std::string>> probe(Clock& clock, Settings settings, Environment environment,
                                              CredentialsProvider credentials);

}  // namespace jiro::assistant
