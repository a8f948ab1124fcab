// A strategy in C++ whose exceptions become errors.
#include "heirloom_plugin.h"

#include <stdexcept>
#include <vector>

namespace {

struct Thrower {
  const HeirloomSetup *setup;
};

int32_t create(const HeirloomSetup *setup, void **component, HeirloomError *error) {
  return heirloom_guard(error, HEIRLOOM_FAILED, [&] {
    *component = new Thrower{setup};
    return HEIRLOOM_OK;
  });
}

void destroy(void *component) { delete static_cast<Thrower *>(component); }

int32_t ask(void *, const HeirloomAsk *, HeirloomProposals *, HeirloomError *error) {
  return heirloom_guard(error, HEIRLOOM_FAILED, [&]() -> int32_t {
    throw std::runtime_error("thrown while asked");
  });
}

int32_t tell(void *, const HeirloomObservations *, HeirloomError *error) {
  return heirloom_guard(error, HEIRLOOM_FAILED, [&]() -> int32_t { throw 7; });
}

const HeirloomStrategy thrower = {create, destroy, ask, tell, nullptr, nullptr, nullptr, nullptr, nullptr};

}  // namespace

HEIRLOOM_PLUGIN("guard.toml", HEIRLOOM_STRATEGY("cpp-thrower", &thrower))
