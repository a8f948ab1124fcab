/* The search is repeatable, and better than random draws. */
#include "host.h"

enum { N_TRIALS = 150, N_SEEDS = 40, MIN_WINS = 28 };

/* A bowl with an axis ratio of 100 to 1. */
static double bowl(const double *x) {
  double sum = 0.0;
  for (int i = 0; i < D; i++) sum += pow(100.0, i / 5.0) * (x[i] - 0.37) * (x[i] - 0.37);
  return sum;
}

static void seed_of(uint8_t *seed, uint64_t number) {
  memset(seed, 0, 32);
  memcpy(seed, &number, sizeof number);
}

/* The lowest objective of a search; every `failing`th trial fails. `last` gets the last configuration. */
static double found(uint64_t number, size_t batch, int failing, double *last) {
  const HeirloomComponent *component = &heirloom_plugin_1()->components[0];
  const HeirloomStrategy *strategy = component->strategy;
  const HeirloomSetup setup = setup_of(NULL);
  HeirloomError error;
  void *search = NULL;
  CHECK(strcmp(component->name, setup.name) == 0);
  CHECK(strategy->create(&setup, &search, &error) == HEIRLOOM_OK);
  double best = INFINITY;
  for (uint64_t trial = 0; trial < N_TRIALS; trial += batch) {
    HeirloomAsk ask;
    memset(&ask, 0, sizeof ask);
    ask.n = batch;
    ask.first_trial = trial;
    seed_of(ask.seed, number);
    double configurations[N_TRIALS * D], objectives[N_TRIALS], costs[N_TRIALS];
    uint64_t ids[N_TRIALS], parents[N_TRIALS], continues[N_TRIALS];
    uint8_t failures[N_TRIALS];
    HeirloomProposals proposals = {0, configurations, NULL, parents, continues};
    CHECK(strategy->ask(search, &ask, &proposals, &error) == HEIRLOOM_OK);
    CHECK(proposals.n == batch);
    for (size_t i = 0; i < batch; i++) {
      const double *x = configurations + i * D;
      CHECK(host_check(&HOST, x, &error) == HEIRLOOM_OK);
      ids[i] = trial + i;
      failures[i] = failing && ids[i] % (uint64_t)failing == 0 ? HEIRLOOM_CRASHED : 0;
      objectives[i] = failures[i] ? NAN : bowl(x);
      costs[i] = 1.0;
      if (!failures[i] && objectives[i] < best) best = objectives[i];
      memcpy(last, x, D * sizeof *last);
    }
    HeirloomObservations told = {{batch, ids, configurations, NULL}, 1, objectives, failures, costs};
    CHECK(strategy->tell(search, &told, &error) == HEIRLOOM_OK);
  }
  strategy->destroy(search);
  return best;
}

static double drawn(uint64_t number) {
  double best = INFINITY;
  for (uint64_t trial = 0; trial < N_TRIALS; trial++) {
    uint8_t seed[32];
    double x[D];
    seed_of(seed, number);
    host_sample(&HOST, seed, "random search", trial, x);
    double objective = bowl(x);
    if (objective < best) best = objective;
  }
  return best;
}

int main(void) {
  double last[D], again[D];
  int wins = 0;
  for (uint64_t seed = 0; seed < N_SEEDS; seed++) wins += found(seed, 1, 0, last) < drawn(seed);
  /* With equally good searches 28 of 40 come about with probability 0.0083. */
  printf("better than random search on %d of %d seeds\n", wins, N_SEEDS);
  CHECK(wins >= MIN_WINS);
  CHECK(found(3, 1, 0, last) == found(3, 1, 0, again));
  CHECK(memcmp(last, again, sizeof last) == 0);
  CHECK(isfinite(found(3, 5, 3, last)));
  CHECK(found(3, 5, 1, last) == INFINITY);
  puts("passed");
  return 0;
}
