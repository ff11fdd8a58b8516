// Boost.JSON, compiled once; only its parser is used (json_tree.cpp).
#include <boost/json/src.hpp>
