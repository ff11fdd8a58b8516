// SPDX-License-Identifier: MIT
#pragma once
// ResultSender over gRPC: sends the stored bytes as they are (no second serialisation) to
// /JiroHubProto.JiroHubProto/SendCommandResult. Called on the event loop; gRPC's own threads only post back to it.

#include <functional>
#include <memory>

#include "jiro/base/clock.hpp"
#include "jiro/base/environment.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/secret.hpp"
#include "jiro/delivery/result_sender.hpp"
#include "jiro/delivery/settings.hpp"

namespace jiro::delivery {

enum class Reading { recent, anew };  // what was read a moment ago may do, or the files are to be read now

// What goes out as `authorization: Bearer ...` and `x-api-key`. Asked at each attempt, so that files can be rotated:
// `anew` when the server refused what `recent` gave. A failure counts as UNAUTHENTICATED.
using CredentialsProvider = std::function<Result<Credentials>(Reading)>;

// gRPC aborts the process when it cannot have its poller's descriptors at the moment that it makes it. They are kept
// free from here on until the first channel is made, and the poller from then on until the last holder is gone; when
// there are too few, the attempt fails by name. At the start, while there are some; to be held longer than any sender.
[[nodiscard]] std::shared_ptr<void> reserve_descriptors_for_grpc();

// Never fails. send() answers UNAUTHENTICATED when server_url is missing or a certificate cannot be read: the channel
// parks, the operator is told, and each attempt looks again.
[[nodiscard]] std::unique_ptr<ResultSender> make_grpc_result_sender(const Clock& clock, GrpcSettings settings,
                                                                    CredentialsProvider credentials,
                                                                    Environment environment = process_environment());

}  // namespace jiro::delivery
