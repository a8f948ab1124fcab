/* A component of each kind, for the tests of the C interface. It is C and C++ at the same time. */
#include "heirloom_plugin.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
  const HeirloomSetup *setup;
  uint64_t told;
  uint64_t best_trial;
  double best;
  uint64_t failed;
} Sweep;

static int fails(const HeirloomSetup *setup, const char *what) {
  return strcmp(heirloom_text(setup, "fail", ""), what) == 0;
}

static int32_t sweep_create(const HeirloomSetup *setup, void **component, HeirloomError *error) {
  if (fails(setup, "create")) {
    return heirloom_fail(error, HEIRLOOM_CONFIGURATION, "`fail` is `%s`; hint: leave it out", "create");
  }
  Sweep *sweep = (Sweep *)calloc(1, sizeof *sweep);
  sweep->setup = setup;
  sweep->best = INFINITY;
  sweep->best_trial = HEIRLOOM_NONE;
  setup->host->log(setup->host, 3, "a sweep begins");
  *component = sweep;
  return HEIRLOOM_OK;
}

static void sweep_destroy(void *component) { free(component); }

static int32_t sweep_ask(void *component, const HeirloomAsk *ask, HeirloomProposals *proposals,
                         HeirloomError *error) {
  Sweep *sweep = (Sweep *)component;
  const HeirloomHost *host = sweep->setup->host;
  size_t d = sweep->setup->n_parameters;
  if (fails(sweep->setup, "ask")) return HEIRLOOM_FAILED;
  for (size_t i = 0; i < ask->n; i++) {
    double *configuration = proposals->configurations + i * d;
    if (host->sample(host, ask->seed, "trial", ask->first_trial + i, configuration) != HEIRLOOM_OK) {
      return heirloom_fail(error, HEIRLOOM_FAILED, "nothing to propose");
    }
    if (host->check(host, configuration, error) != HEIRLOOM_OK) return HEIRLOOM_FAILED;
    if (sweep->best_trial != HEIRLOOM_NONE) proposals->parents[i] = sweep->best_trial;
  }
  proposals->n = ask->n;
  return HEIRLOOM_OK;
}

static int32_t sweep_tell(void *component, const HeirloomObservations *told, HeirloomError *error) {
  Sweep *sweep = (Sweep *)component;
  if (fails(sweep->setup, "tell")) return heirloom_fail(error, HEIRLOOM_FAILED, "told of %zu", told->trials.n);
  for (size_t i = 0; i < told->trials.n; i++) {
    double objective = told->objectives[i * told->n_objectives];
    sweep->told++;
    if (told->failures[i] != 0) sweep->failed++;
    if (objective < sweep->best) {
      sweep->best = objective;
      sweep->best_trial = told->trials.ids[i];
    }
  }
  return HEIRLOOM_OK;
}

static int32_t sweep_judge(void *component, const HeirloomReport *report, uint32_t *verdict,
                           HeirloomError *error) {
  (void)component;
  (void)error;
  *verdict = report->objectives[0] > 10.0 ? HEIRLOOM_STOP : HEIRLOOM_CONTINUE;
  return HEIRLOOM_OK;
}

static int32_t sweep_inform(void *component, const HeirloomKnowledge *knowledge, uint32_t *used,
                            HeirloomError *error) {
  (void)component;
  (void)error;
  *used = knowledge->n > 0 && knowledge->weights[0] > 0.0;
  return HEIRLOOM_OK;
}

static int32_t sweep_recommend(void *component, uint64_t *trial, HeirloomError *error) {
  (void)error;
  *trial = ((Sweep *)component)->best_trial;
  return HEIRLOOM_OK;
}

static int32_t sweep_save(void *component, HeirloomBytes *state, HeirloomError *error) {
  Sweep *sweep = (Sweep *)component;
  (void)error;
  state->data = (const uint8_t *)&sweep->told;
  state->length = sizeof sweep->told;
  return HEIRLOOM_OK;
}

static int32_t sweep_restore(void *component, const HeirloomBytes *state, HeirloomError *error) {
  Sweep *sweep = (Sweep *)component;
  if (state->length != sizeof sweep->told) {
    return heirloom_fail(error, HEIRLOOM_FAILED, "a state of %zu bytes", state->length);
  }
  memcpy(&sweep->told, state->data, sizeof sweep->told);
  return HEIRLOOM_OK;
}

static const HeirloomStrategy sweep = {
    sweep_create, sweep_destroy, sweep_ask,  sweep_tell,    sweep_judge,
    sweep_inform, sweep_recommend, sweep_save, sweep_restore,
};

typedef struct {
  const HeirloomSetup *setup;
} Sum;

static int32_t sum_create(const HeirloomSetup *setup, void **component, HeirloomError *error) {
  const HeirloomOption *name = heirloom_option(setup, "names.0");
  if (!name || strcmp(name->text, "a") != 0) return heirloom_fail(error, HEIRLOOM_CONFIGURATION, "no `names.0`");
  Sum *sum = (Sum *)malloc(sizeof *sum);
  sum->setup = setup;
  *component = sum;
  return HEIRLOOM_OK;
}

static void sum_destroy(void *component) { free(component); }

static const HeirloomObjective sum_objectives[] = {{"sum", 0}};
static const HeirloomFidelity sum_fidelities[] = {{"epochs", 1.0, 4.0, 1}};
static const HeirloomObjective unnamed_objectives[] = {{"sum", 0}, {NULL, 0}};
static const HeirloomFidelity reversed_fidelities[] = {{"epochs", 4.0, 1.0, 1}};

static int is_odd(const HeirloomSetup *setup, const char *what) {
  return strcmp(heirloom_text(setup, "odd", ""), what) == 0;
}

static int32_t sum_info(void *component, HeirloomEstimatorInfo *info, HeirloomError *error) {
  const HeirloomSetup *setup = ((Sum *)component)->setup;
  (void)error;
  info->objectives = is_odd(setup, "unnamed") ? unnamed_objectives : sum_objectives;
  info->n_objectives = is_odd(setup, "unnamed") ? 2 : is_odd(setup, "many") ? SIZE_MAX / 64 : 1;
  info->fidelities = is_odd(setup, "reversed") ? reversed_fidelities : sum_fidelities;
  info->n_fidelities = 1;
  info->concurrent = !is_odd(setup, "alone");
  return HEIRLOOM_OK;
}

static int32_t sum_evaluate(void *component, const HeirloomEvaluation *evaluation, HeirloomOutcome *outcome,
                            HeirloomError *error) {
  const HeirloomSetup *setup = ((Sum *)component)->setup;
  const HeirloomReporter *reporter = evaluation->reporter;
  int32_t failure = (int32_t)heirloom_number(setup, "fail", 0.0);
  if (failure != 0 && is_odd(setup, "silent")) return failure;
  if (failure != 0) return heirloom_fail(error, failure, "failure %d of trial %d", failure, (int)evaluation->trial);
  if (reporter->cancelled(reporter)) return heirloom_fail(error, HEIRLOOM_CANCELLED, "the run ends");
  double sum = 0.0;
  for (size_t i = 0; i < evaluation->n_parameters; i++) {
    if (!isnan(evaluation->configuration[i])) sum += evaluation->configuration[i];
  }
  sum *= heirloom_number(setup, "scale", 1.0);
  int epochs = evaluation->n_fidelities ? (int)evaluation->fidelity[0] : 4;
  for (int epoch = 1; epoch <= epochs; epoch++) {
    outcome->objectives[0] = sum + 1.0 / epoch;
    if (reporter->report(reporter, epoch, outcome->objectives) != HEIRLOOM_CONTINUE) break;
  }
  if (is_odd(setup, "no-objectives")) reporter->report(reporter, epochs + 1, NULL);
  if (is_odd(setup, "backwards")) reporter->report(reporter, epochs - 1, outcome->objectives);
  if (is_odd(setup, "no-step")) reporter->report(reporter, NAN, outcome->objectives);
  if (is_odd(setup, "diverges")) {
    double nothing = NAN;
    reporter->report(reporter, epochs + 1, &nothing);
  }
  if (is_odd(setup, "steers")) return heirloom_fail(error, HEIRLOOM_REJECTED, "\033[2J%s", "gone");
  reporter->metric(reporter, "threads", (double)evaluation->threads);
  outcome->cost_seconds = 2.5;
  return HEIRLOOM_OK;
}

static const HeirloomEstimator sum = {sum_create, sum_destroy, sum_info, sum_evaluate};

static int32_t largest_info(void *component, HeirloomProxyInfo *info, HeirloomError *error) {
  (void)component;
  (void)error;
  info->maximise = 1;
  info->cost_seconds = 1e-6;
  info->unit = "units";
  info->concurrent = 1;
  return HEIRLOOM_OK;
}

static int32_t largest_create(const HeirloomSetup *setup, void **component, HeirloomError *error) {
  (void)error;
  Sum *one = (Sum *)malloc(sizeof *one);
  one->setup = setup;
  *component = one;
  return HEIRLOOM_OK;
}

static int32_t largest_score(void *component, const double *configurations, size_t n, const uint8_t *seed,
                             double *scores, HeirloomError *error) {
  size_t d = ((Sum *)component)->setup->n_parameters;
  (void)seed;
  (void)error;
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < d; j++) {
      double number = configurations[i * d + j];
      if (!isnan(number) && !(scores[i] >= number)) scores[i] = number;
    }
  }
  return HEIRLOOM_OK;
}

static const HeirloomProxy largest = {largest_create, sum_destroy, largest_info, largest_score};

HEIRLOOM_PLUGIN("everything.toml", HEIRLOOM_STRATEGY("c-sweep", &sweep), HEIRLOOM_ESTIMATOR("c-sum", &sum),
                HEIRLOOM_PROXY("c-largest", &largest))
