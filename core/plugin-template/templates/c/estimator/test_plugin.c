/* The numbers are right, not merely numbers. */
#define D 2
#include "host.h"

static double curve[64];
static int n_points, stop_at;

static uint32_t report(const HeirloomReporter *reporter, double step, const double *objectives) {
  (void)reporter;
  CHECK(step == n_points + 1);
  curve[n_points++] = objectives[0];
  return stop_at && n_points >= stop_at ? HEIRLOOM_STOP : HEIRLOOM_CONTINUE;
}

static void metric(const HeirloomReporter *reporter, const char *name, double value) {
  (void)reporter;
  (void)name;
  (void)value;
}

static uint32_t cancelled(const HeirloomReporter *reporter) {
  (void)reporter;
  return 0;
}

/* The loss of a training, or the failure's kind as a negative number. */
static double trained(double x, double y, double epochs, double noise) {
  const HeirloomEstimator *estimator = heirloom_plugin_1()->components[0].estimator;
  const HeirloomOption options[] = {{"noise", HEIRLOOM_NUMBER, noise, NULL}};
  HeirloomSetup setup = setup_of(NULL);
  setup.options = options;
  setup.n_options = 1;
  HeirloomError error;
  void *training = NULL;
  CHECK(estimator->create(&setup, &training, &error) == HEIRLOOM_OK);
  HeirloomEstimatorInfo info;
  memset(&info, 0, sizeof info);
  CHECK(estimator->info(training, &info, &error) == HEIRLOOM_OK);
  CHECK(info.n_objectives == 1 && strcmp(info.fidelities[0].name, "epochs") == 0);

  const HeirloomReporter reporter = {NULL, report, metric, cancelled};
  const double configuration[] = {x, y};
  HeirloomEvaluation trial;
  memset(&trial, 0, sizeof trial);
  trial.attempt = 1;
  trial.configuration = configuration;
  trial.n_parameters = D;
  trial.fidelity = &epochs;
  trial.n_fidelities = 1;
  trial.parent = trial.continues = trial.memory_bytes = HEIRLOOM_NONE;
  trial.seconds = NAN;
  trial.threads = 1;
  trial.reporter = &reporter;
  double loss = NAN;
  HeirloomOutcome outcome = {&loss, NAN};
  n_points = 0;
  int32_t status = estimator->evaluate(training, &trial, &outcome, &error);
  estimator->destroy(training);
  return status == HEIRLOOM_OK ? loss : -status;
}

int main(void) {
  /* More training gives a lower loss. */
  CHECK(trained(0.5, 0.5, 20, 0.0) == curve[19] && n_points == 20);
  for (int epoch = 1; epoch < 20; epoch++) CHECK(curve[epoch] < curve[epoch - 1]);
  /* The best place is known. */
  double best = trained(1.0 / 3.0, 1.0 / 3.0, 20, 0.0);
  CHECK(fabs(best - 1.0 / 20.0) < 1e-12);
  CHECK(trained(0.0, 0.0, 20, 0.0) > best && trained(1.0, 1.0, 20, 0.0) > best);
  /* The seed decides. */
  CHECK(trained(0.2, 0.9, 5, 0.5) == trained(0.2, 0.9, 5, 0.5));
  CHECK(trained(0.2, 0.9, 5, 0.5) != trained(0.2, 0.9, 5, 0.0));
  /* A verdict ends the training, and what is no point of the space is refused. */
  stop_at = 3;
  trained(0.5, 0.5, 20, 0.0);
  CHECK(n_points == 3);
  CHECK(trained(7.0, 0.5, 20, 0.0) == -HEIRLOOM_REJECTED);
  puts("passed");
  return 0;
}
