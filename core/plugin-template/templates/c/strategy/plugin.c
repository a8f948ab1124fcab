/* {{description}}: keeps the best configurations and changes one of them a little, or draws a new one.
 *
 * Put your algorithm into `ask` and `tell`. */
#include "heirloom_plugin.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
  double objective;
  uint64_t trial;
  double *configuration; /* [d] */
} Parent;

typedef struct {
  const HeirloomSetup *setup;
  size_t n_initial;
  size_t n_parents;
  double fresh;
  Parent *parents; /* [n_parents + 1], the best first */
  size_t n_kept;
  size_t n_told;
} Search;

static void search_destroy(void *component) {
  Search *search = (Search *)component;
  for (size_t i = 0; search->parents && i <= search->n_parents; i++) free(search->parents[i].configuration);
  free(search->parents);
  free(search);
}

/* The options are checked already: types, ranges, names; what was left out has its default. */
static int32_t search_create(const HeirloomSetup *setup, void **component, HeirloomError *error) {
  Search *search = (Search *)calloc(1, sizeof *search);
  if (!search) return heirloom_fail(error, HEIRLOOM_FAILED, "there is no memory");
  search->setup = setup;
  search->n_initial = (size_t)heirloom_number(setup, "n_initial", 10);
  search->n_parents = (size_t)heirloom_number(setup, "n_parents", 5);
  search->fresh = heirloom_number(setup, "fresh", 0.1);
  search->parents = (Parent *)calloc(search->n_parents + 1, sizeof *search->parents);
  int complete = search->parents != NULL;
  for (size_t i = 0; complete && i <= search->n_parents; i++) {
    search->parents[i].configuration = (double *)calloc(setup->n_parameters + 1, sizeof(double));
    complete = search->parents[i].configuration != NULL;
  }
  if (!complete) {
    search_destroy(search);
    return heirloom_fail(error, HEIRLOOM_FAILED, "there is no memory for %zu parameters", setup->n_parameters);
  }
  *component = search;
  return HEIRLOOM_OK;
}

/* Every draw follows from the seed, a stream and the trial's number: the same seed gives the same search. Trials that
 * are still running, `ask->pending`, need no thought here. */
static int32_t search_ask(void *component, const HeirloomAsk *ask, HeirloomProposals *proposals, HeirloomError *error) {
  const Search *search = (const Search *)component;
  const HeirloomHost *host = search->setup->host;
  for (size_t i = 0; i < ask->n; i++) {
    uint64_t trial = ask->first_trial + i;
    double *configuration = proposals->configurations + i * search->setup->n_parameters;
    double drawn[2];
    host->uniform(host, ask->seed, "choice", trial, drawn, 2);
    if (search->n_told >= search->n_initial && search->n_kept > 0 && drawn[0] >= search->fresh) {
      const Parent *parent = &search->parents[(size_t)(drawn[1] * (double)search->n_kept)];
      if (host->mutate(host, ask->seed, "change", trial, parent->configuration, configuration) == HEIRLOOM_OK) {
        /* An estimator that can lets the trial inherit the weights of its parent. */
        proposals->parents[i] = parent->trial;
        continue;
      }
    }
    if (host->sample(host, ask->seed, "trial", trial, configuration) != HEIRLOOM_OK) {
      return heirloom_fail(error, HEIRLOOM_FAILED, "no configuration was found for trial %llu",
                           (unsigned long long)trial);
    }
  }
  proposals->n = ask->n;
  return HEIRLOOM_OK;
}

static int32_t search_tell(void *component, const HeirloomObservations *told, HeirloomError *error) {
  Search *search = (Search *)component;
  size_t d = search->setup->n_parameters;
  (void)error;
  for (size_t i = 0; i < told->trials.n; i++) {
    search->n_told++;
    /* Objectives are minimised, whatever the user's direction is; a failed trial has none. */
    double objective = told->objectives[i * told->n_objectives];
    if (told->failures[i] != 0 || isnan(objective)) continue;
    /* The place behind the last takes the new one, which then moves up to where it belongs. */
    Parent added = search->parents[search->n_kept];
    added.objective = objective;
    added.trial = told->trials.ids[i];
    memcpy(added.configuration, told->trials.configurations + i * d, d * sizeof(double));
    size_t place = search->n_kept;
    for (; place > 0 && search->parents[place - 1].objective > objective; place--) {
      search->parents[place] = search->parents[place - 1];
    }
    search->parents[place] = added;
    if (search->n_kept < search->n_parents) search->n_kept++;
  }
  return HEIRLOOM_OK;
}

/* judge, inform, recommend, save and restore are left out: a run resumes by replaying its trials. */
static const HeirloomStrategy search = {
    search_create, search_destroy, search_ask, search_tell, NULL, NULL, NULL, NULL, NULL,
};

HEIRLOOM_PLUGIN("plugin.toml", HEIRLOOM_STRATEGY("{{name}}", &search))
