// SPDX-License-Identifier: MIT
// Boost.JSON, compiled once; only its parser is used (json.cpp).
#include <boost/json/src.hpp>
