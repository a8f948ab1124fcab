/* {{description}}: pretends to train, epoch by epoch. Put your training in the place of the loss. */
#include "heirloom_plugin.h"

#include <math.h>
#include <stdlib.h>

/* Seconds that an epoch is said to take. */
#define SECONDS_PER_EPOCH 0.1

typedef struct {
  const HeirloomSetup *setup;
  HeirloomFidelity epochs;
  double noise;
} Training;

static const HeirloomObjective LOSS = {"loss", 0};

/* The options are checked already: types, ranges, names; what was left out has its default. */
static int32_t training_create(const HeirloomSetup *setup, void **component, HeirloomError *error) {
  if (setup->n_parameters == 0) {
    return heirloom_fail(error, HEIRLOOM_CONFIGURATION, "there is no space; hint: add `[space]` to the run file");
  }
  Training *training = (Training *)calloc(1, sizeof *training);
  if (!training) return heirloom_fail(error, HEIRLOOM_FAILED, "there is no memory");
  training->setup = setup;
  training->epochs.name = "epochs";
  training->epochs.low = 1;
  training->epochs.high = heirloom_number(setup, "epochs", 20);
  training->epochs.integer = 1;
  training->noise = heirloom_number(setup, "noise", 0.01);
  *component = training;
  return HEIRLOOM_OK;
}

static void training_destroy(void *component) {
  free(component);
}

static int32_t training_info(void *component, HeirloomEstimatorInfo *info, HeirloomError *error) {
  const Training *training = (const Training *)component;
  (void)error;
  info->objectives = &LOSS;
  info->n_objectives = 1;
  info->fidelities = &training->epochs;
  info->n_fidelities = 1;
  info->simulated_cost = 1;
  info->concurrent = 1; /* nothing here changes while it measures */
  return HEIRLOOM_OK;
}

/* The loss that endless training would reach: 0 where every parameter stands at a third of its range. */
static int32_t best_loss(const Training *training, const double *configuration, double *loss) {
  size_t d = training->setup->n_parameters;
  double *places = (double *)malloc(d * sizeof *places);
  if (!places) return HEIRLOOM_OUT_OF_MEMORY;
  training->setup->host->to_unit(training->setup->host, configuration, places);
  *loss = 0.0;
  for (size_t i = 0; i < d; i++) {
    /* A parameter that is inactive is NaN. */
    if (!isnan(places[i])) *loss += (places[i] - 1.0 / 3.0) * (places[i] - 1.0 / 3.0);
  }
  free(places);
  return HEIRLOOM_OK;
}

static int32_t training_evaluate(void *component, const HeirloomEvaluation *trial, HeirloomOutcome *outcome,
                                 HeirloomError *error) {
  const Training *training = (const Training *)component;
  const HeirloomHost *host = training->setup->host;
  /* What cannot be measured is a failed trial with its reason, never a number. */
  if (trial->n_parameters != training->setup->n_parameters) {
    return heirloom_fail(error, HEIRLOOM_REJECTED, "%zu values for %zu parameters", trial->n_parameters,
                         training->setup->n_parameters);
  }
  if (host->check(host, trial->configuration, error) != HEIRLOOM_OK) return HEIRLOOM_REJECTED;
  double best, loss = NAN;
  if (best_loss(training, trial->configuration, &best) != HEIRLOOM_OK) {
    return heirloom_fail(error, HEIRLOOM_OUT_OF_MEMORY, "there is no memory");
  }
  int n_epochs = (int)(trial->n_fidelities > 0 ? trial->fidelity[0] : training->epochs.high);
  for (int epoch = 1; epoch <= n_epochs; epoch++) {
    if (trial->reporter->cancelled(trial->reporter)) {
      return heirloom_fail(error, HEIRLOOM_CANCELLED, "the run ends");
    }
    /* All randomness comes from the trial's seed: the same for every attempt at it. */
    double drawn;
    host->uniform(host, trial->seed, "epoch", (uint64_t)epoch, &drawn, 1);
    loss = best + 1.0 / epoch + training->noise * (2.0 * drawn - 1.0);
    if (!isfinite(loss)) {
      return heirloom_fail(error, HEIRLOOM_DIVERGED, "the loss was %g in epoch %d", loss, epoch);
    }
    outcome->cost_seconds = epoch * SECONDS_PER_EPOCH;
    /* A strategy may end a training that promises little. */
    if (trial->reporter->report(trial->reporter, epoch, &loss) != HEIRLOOM_CONTINUE) break;
  }
  outcome->objectives[0] = loss;
  return HEIRLOOM_OK;
}

static const HeirloomEstimator training = {training_create, training_destroy, training_info, training_evaluate};

HEIRLOOM_PLUGIN("plugin.toml", HEIRLOOM_ESTIMATOR("{{name}}", &training))
