// SPDX-License-Identifier: MIT
// Boost.Asio and Boost.Beast, compiled once for the whole project (the *_SEPARATE_COMPILATION definitions of
// this module's CMakeLists.txt make every other file see declarations only).
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
