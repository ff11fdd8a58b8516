// SPDX-License-Identifier: MIT
#pragma once
// Errors are values with names. A function that can fail in a way its caller must handle returns Result<T>; the Error
// in it carries a code (each module has one enum and category), a message for the operator, and the place where it was
// made. Context is added once on the way up with `with_prefix`; the loop that decides what to do logs it, once.
// Exceptions are for "cannot start" and broken invariants only.

#include <algorithm>
#include <array>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <exception>
#include <source_location>
#include <string>
#include <string_view>

namespace jiro {

struct Error {
    boost::system::error_code code;
    std::string message;  // complete sentence without a final dot; never contains a secret
    std::source_location where;

    Error() = default;  // no error: what Boost 1.81's result::error() returns when there is a value

    Error(boost::system::error_code error_code, std::string text,
          std::source_location location = std::source_location::current())
        : code(error_code), message(std::move(text)), where(location) {}

    // For codes whose own text says everything.
    explicit Error(boost::system::error_code error_code,
                   std::source_location location = std::source_location::current())
        : code(error_code), message(error_code.message()), where(location) {}

    // The same error seen from one level up: "negotiate with hub.example: connection refused".
    [[nodiscard]] Error with_prefix(std::string_view prefix) const&;
};

// A module's error category: its name, and the texts of its enumerators in their order, of which the first is 1 and the
// last is `Last` (a text too many or too few does not compile). An underscore in a text is shown as a space. For a
// static of make_error_code(), since codes compare the category's address.
template <auto Last>
class ErrorCategory final : public boost::system::error_category {
  public:
    using Texts = std::array<std::string_view, static_cast<std::size_t>(Last)>;
    ErrorCategory(const char* name, const Texts& texts) : name_(name), texts_(texts) {}
    [[nodiscard]] const char* name() const noexcept override { return name_; }
    [[nodiscard]] std::string message(int value) const override {
        const auto index = static_cast<std::size_t>(value) - 1;
        std::string text(index < texts_.size() ? texts_[index] : "unknown error");
        std::ranges::replace(text, '_', ' ');
        return text;
    }

  private:
    const char* name_;
    Texts texts_;
};

template <typename T = void>
using Result = boost::system::result<T, Error>;

// What an exception says of itself, for the log.
[[nodiscard]] std::string what_of(const std::exception_ptr& exception);

// Called by Result<T>::value() on an error: throws boost::system::system_error.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& location);

}  // namespace jiro
