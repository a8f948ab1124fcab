/* A host for tests: the unit cube in D dimensions. */
#include "heirloom_plugin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef D
#define D 6
#endif

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);      \
      exit(1);                                                             \
    }                                                                      \
  } while (0)

/* A number from a seed, a stream and counters: splitmix64 of their hash. */
static uint64_t bits(const uint8_t *seed, const char *stream, uint64_t counter, uint64_t index) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (int i = 0; i < 32; i++) hash = (hash ^ seed[i]) * 0x100000001b3u;
  for (; *stream; stream++) hash = (hash ^ (uint8_t)*stream) * 0x100000001b3u;
  hash += (counter * 1000003u + index + 1) * 0x9e3779b97f4a7c15u;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
  return hash ^ (hash >> 31);
}

static int32_t host_uniform(const HeirloomHost *host, const uint8_t *seed, const char *stream, uint64_t counter,
                            double *numbers, size_t n) {
  (void)host;
  for (size_t i = 0; i < n; i++) numbers[i] = (double)(bits(seed, stream, counter, i) >> 11) / 9007199254740992.0;
  return HEIRLOOM_OK;
}

static int32_t host_sample(const HeirloomHost *host, const uint8_t *seed, const char *stream, uint64_t counter,
                           double *configuration) {
  return host_uniform(host, seed, stream, counter, configuration, D);
}

static int32_t host_mutate(const HeirloomHost *host, const uint8_t *seed, const char *stream, uint64_t counter,
                           const double *from, double *configuration) {
  double drawn[2];
  host_uniform(host, seed, stream, counter, drawn, 2);
  memcpy(configuration, from, D * sizeof *configuration);
  configuration[(size_t)(drawn[0] * D)] = drawn[1];
  return HEIRLOOM_OK;
}

static int32_t host_unit(const HeirloomHost *host, const double *from, double *to) {
  (void)host;
  memcpy(to, from, D * sizeof *to);
  return HEIRLOOM_OK;
}

static int32_t host_check(const HeirloomHost *host, const double *configuration, HeirloomError *error) {
  (void)host;
  for (int i = 0; i < D; i++) {
    if (!(configuration[i] >= 0.0 && configuration[i] <= 1.0)) {
      return heirloom_fail(error, HEIRLOOM_FAILED, "%g is outside of 0 to 1", configuration[i]);
    }
  }
  return HEIRLOOM_OK;
}

static void host_log(const HeirloomHost *host, uint32_t level, const char *text) {
  (void)host;
  (void)level;
  (void)text;
}

static uint32_t host_cancelled(const HeirloomHost *host) {
  (void)host;
  return 0;
}

static const HeirloomHost HOST = {
    NULL, host_sample, host_mutate, host_uniform, host_unit, host_unit, host_check, host_log, host_cancelled,
};

HEIRLOOM_EXTERN const HeirloomPlugin *heirloom_plugin_1(void);

/* What the component is made from: `parameters` may be null where it does not look at them. */
static inline HeirloomSetup setup_of(const HeirloomParameter *parameters) {
  HeirloomSetup setup;
  memset(&setup, 0, sizeof setup);
  setup.name = "{{name}}";
  setup.parameters = parameters;
  setup.n_parameters = D;
  setup.options_json = "{}";
  setup.problem_json = "{}";
  setup.folder = "";
  setup.threads = 1;
  setup.host = &HOST;
  return setup;
}
