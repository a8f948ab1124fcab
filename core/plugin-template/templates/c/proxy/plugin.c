/* {{description}}: scores a configuration by its network's weights, without training. */
#include "heirloom_plugin.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
  const HeirloomSetup *setup;
  size_t layers; /* the parameters' places */
  size_t width;
  double inputs;
  double outputs;
} Weights;

/* The place of a parameter; that of none is `n_parameters`. */
static size_t place_of(const HeirloomSetup *setup, const char *name) {
  size_t place = 0;
  while (place < setup->n_parameters && strcmp(setup->parameters[place].name, name) != 0) place++;
  return place;
}

static int32_t weights_create(const HeirloomSetup *setup, void **component, HeirloomError *error) {
  size_t layers = place_of(setup, "layers"), width = place_of(setup, "width");
  if (layers == setup->n_parameters || width == setup->n_parameters) {
    return heirloom_fail(error, HEIRLOOM_UNSUPPORTED,
                         "the space has no parameters `layers` and `width`; hint: leave the proxy out");
  }
  Weights *weights = (Weights *)calloc(1, sizeof *weights);
  if (!weights) return heirloom_fail(error, HEIRLOOM_FAILED, "there is no memory");
  weights->setup = setup;
  weights->layers = layers;
  weights->width = width;
  weights->inputs = heirloom_number(setup, "inputs", 64);
  weights->outputs = heirloom_number(setup, "outputs", 10);
  *component = weights;
  return HEIRLOOM_OK;
}

static void weights_destroy(void *component) {
  free(component);
}

static int32_t weights_info(void *component, HeirloomProxyInfo *info, HeirloomError *error) {
  (void)component;
  (void)error;
  info->maximise = 1; /* a larger score promises a better configuration */
  info->needs = HEIRLOOM_NEEDS_NOTHING;
  info->cost_seconds = 1e-6;
  info->unit = "weights";
  info->concurrent = 1; /* nothing here changes while it scores */
  return HEIRLOOM_OK;
}

/* What a parameter's number means: itself, or the value that it is the index of. */
static double value_of(const HeirloomParameter *parameter, double number) {
  if (!parameter->labels || isnan(number)) return number;
  return strtod(parameter->labels[(size_t)number], NULL);
}

static int32_t weights_score(void *component, const double *configurations, size_t n, const uint8_t *seed,
                             double *scores, HeirloomError *error) {
  const Weights *weights = (const Weights *)component;
  const HeirloomSetup *setup = weights->setup;
  (void)seed;
  for (size_t i = 0; i < n; i++) {
    const double *configuration = configurations + i * setup->n_parameters;
    /* A configuration that cannot be scored keeps its NaN. */
    if (setup->host->check(setup->host, configuration, error) != HEIRLOOM_OK) continue;
    double layers = value_of(&setup->parameters[weights->layers], configuration[weights->layers]);
    double width = value_of(&setup->parameters[weights->width], configuration[weights->width]);
    double between = (layers > 1.0 ? layers - 1.0 : 0.0) * (width + 1.0) * width;
    scores[i] = (weights->inputs + 1.0) * width + between + (width + 1.0) * weights->outputs;
  }
  return HEIRLOOM_OK;
}

static const HeirloomProxy weights = {weights_create, weights_destroy, weights_info, weights_score};

HEIRLOOM_PLUGIN("plugin.toml", HEIRLOOM_PROXY("{{name}}", &weights))
