/* A strategy that tosses a coin: mutate the best configuration, or draw a new one. */
#include "heirloom_plugin.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
  const HeirloomSetup *setup;
  double mutation_rate;
  double best;
  double *configuration; /* [d], of the best trial */
} Coin;

static int32_t coin_create(const HeirloomSetup *setup, void **component, HeirloomError *error) {
  Coin *coin = (Coin *)malloc(sizeof *coin);
  double *configuration = (double *)malloc(setup->n_parameters * sizeof *configuration);
  if (!coin || !configuration) {
    free(coin);
    free(configuration);
    return heirloom_fail(error, HEIRLOOM_FAILED, "no memory for %zu parameters", setup->n_parameters);
  }
  coin->setup = setup;
  coin->mutation_rate = heirloom_number(setup, "mutation_rate", 0.5);
  coin->best = INFINITY;
  coin->configuration = configuration;
  *component = coin;
  return HEIRLOOM_OK;
}

static void coin_destroy(void *component) {
  Coin *coin = (Coin *)component;
  free(coin->configuration);
  free(coin);
}

static int32_t coin_ask(void *component, const HeirloomAsk *ask, HeirloomProposals *proposals,
                        HeirloomError *error) {
  Coin *coin = (Coin *)component;
  const HeirloomHost *host = coin->setup->host;
  size_t d = coin->setup->n_parameters;
  for (size_t i = 0; i < ask->n; i++) {
    /* Every draw follows from the seed, a stream and the trial's number: the same seed gives the same search. */
    uint64_t trial = ask->first_trial + i;
    double *configuration = proposals->configurations + i * d;
    double toss;
    host->uniform(host, ask->seed, "toss", trial, &toss, 1);
    int mutated = isfinite(coin->best) && toss < coin->mutation_rate &&
                  host->mutate(host, ask->seed, "mutate", trial, coin->configuration, configuration) == HEIRLOOM_OK;
    if (!mutated && host->sample(host, ask->seed, "trial", trial, configuration) != HEIRLOOM_OK) {
      return heirloom_fail(error, HEIRLOOM_FAILED, "no configuration was found for trial %llu",
                           (unsigned long long)trial);
    }
  }
  proposals->n = ask->n;
  return HEIRLOOM_OK;
}

static int32_t coin_tell(void *component, const HeirloomObservations *told, HeirloomError *error) {
  Coin *coin = (Coin *)component;
  size_t d = coin->setup->n_parameters;
  (void)error;
  for (size_t i = 0; i < told->trials.n; i++) {
    /* Objectives are minimised; that of a failed trial is NaN, which is below nothing. */
    double objective = told->objectives[i * told->n_objectives];
    if (objective < coin->best) {
      coin->best = objective;
      memcpy(coin->configuration, told->trials.configurations + i * d, d * sizeof *coin->configuration);
    }
  }
  return HEIRLOOM_OK;
}

static const HeirloomStrategy coin = {
    coin_create, coin_destroy, coin_ask, coin_tell, NULL, NULL, NULL, NULL, NULL,
};

HEIRLOOM_PLUGIN("plugin.toml", HEIRLOOM_STRATEGY("c-coin", &coin))
