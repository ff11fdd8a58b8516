// SPDX-License-Identifier: MIT
#include "jiro/assistant/probe.hpp"

#include "assistant/model_client.hpp"

namespace jiro::assistant {

Task<Result<std::string>> probe(Clock& clock, Settings settings, Environment environment,
                                CredentialsProvider credentials) {
    ModelClient model(clock, std::move(environment), std::move(credentials));
    Question question;
    question.messages.push_back({Role::user, "Answer with the one word: ready"});
    question.stream = settings.stream;
    Answer answer;
    const auto deadline = clock.now() + settings.timeout;
    auto shared = std::make_shared<const Settings>(std::move(settings));
    auto asking = model.complete(std::move(question), std::move(shared), deadline, answer);
    const auto asked = co_await std::move(asking);
    if (!asked) co_return asked.error();
    co_return answer.completion.text;
}

}  // namespace jiro::assistant
