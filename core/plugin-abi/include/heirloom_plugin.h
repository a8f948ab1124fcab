/* Plugins of Heirloom in C and C++.
 *
 * Written by a test of heirloom-plugin-abi: do not edit.
 */

#ifndef HEIRLOOM_PLUGIN_H
#define HEIRLOOM_PLUGIN_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#ifdef __cplusplus
#include <exception>
#endif

/// The interface level of this header.
#define HEIRLOOM_INTERFACE 1

/// Stands for "no trial" and "no limit".
#define HEIRLOOM_NONE UINT64_MAX

/// Returned: it worked.
#define HEIRLOOM_OK 0

/// Returned: the component's own table in the run file is wrong.
#define HEIRLOOM_CONFIGURATION 1

/// Returned: the component cannot work on this problem.
#define HEIRLOOM_UNSUPPORTED 2

/// Returned: the component refused its input or failed inside.
#define HEIRLOOM_FAILED 3

/// Returned by `evaluate`: more memory was wanted than there was.
#define HEIRLOOM_OUT_OF_MEMORY 1

/// Returned by `evaluate`: a measured number was not finite.
#define HEIRLOOM_DIVERGED 2

/// Returned by `evaluate`: the time limit ran out.
#define HEIRLOOM_TIMED_OUT 3

/// Returned by `evaluate`: it failed in another way.
#define HEIRLOOM_CRASHED 4

/// Returned by `evaluate`: the configuration is refused.
#define HEIRLOOM_REJECTED 5

/// Returned by `evaluate`: the run was told to end before the evaluation did.
#define HEIRLOOM_CANCELLED 6

/// A parameter's kind: a real number.
#define HEIRLOOM_FLOAT 0

/// A parameter's kind: a whole number.
#define HEIRLOOM_INT 1

/// A parameter's kind: one of several choices without order; its number is the choice's index.
#define HEIRLOOM_CATEGORICAL 2

/// A parameter's kind: one of several values in order; its number is the value's index.
#define HEIRLOOM_ORDINAL 3

/// A parameter's kind: always the same; its number is 0.
#define HEIRLOOM_CONSTANT 4

/// An option's kind: a number.
#define HEIRLOOM_NUMBER 0

/// An option's kind: a text.
#define HEIRLOOM_TEXT 1

/// An option's kind: 0 or 1.
#define HEIRLOOM_BOOLEAN 2

/// A verdict: train on.
#define HEIRLOOM_CONTINUE 0

/// A verdict: end here; what was measured so far is the result.
#define HEIRLOOM_STOP 1

/// A verdict: end here and keep the weights, a later proposal may continue the trial.
#define HEIRLOOM_PAUSE 2

/// A proxy needs the configuration alone.
#define HEIRLOOM_NEEDS_NOTHING 0

/// A proxy needs a batch of inputs.
#define HEIRLOOM_NEEDS_INPUTS 1

/// A proxy needs a batch of inputs with labels.
#define HEIRLOOM_NEEDS_LABELS 2

/// A proxy needs inputs, labels and gradients.
#define HEIRLOOM_NEEDS_GRADIENTS 3

/// What may vary in one place.
typedef struct HeirloomParameter {
  /// Its name.
  const char *name;
  /// `HEIRLOOM_FLOAT` and so on.
  uint32_t kind;
  /// 1 where ratios count, not differences.
  uint32_t log;
  /// Smallest number.
  double low;
  /// Largest number.
  double high;
  /// Distance between neighbouring numbers; 0: any.
  double step;
  /// How many values it has; 0: infinitely many.
  uint64_t n_values;
  /// The choices' or values' names, `[n_values]`; null for numbers.
  const char *const *labels;
  /// The number it has where nothing else is said.
  double default_number;
  /// 1 where it may be inactive: its number is NaN then.
  uint32_t conditional;
} HeirloomParameter;

/// One way in which an evaluation can be smaller than the full one.
typedef struct HeirloomFidelity {
  /// Its name, such as `epochs`.
  const char *name;
  /// The smallest value that says anything.
  double low;
  /// The full value.
  double high;
  /// 1 where only whole numbers count.
  uint32_t integer;
} HeirloomFidelity;

/// What is measured. Inside Heirloom it is minimised: a value that people want large is turned around.
typedef struct HeirloomObjective {
  /// Its name, such as `val_acc`.
  const char *name;
  /// 1 where people want it large.
  uint32_t maximise;
} HeirloomObjective;

/// One option of the run file. Those within tables and lists have names such as `table.key` and `list.0`.
typedef struct HeirloomOption {
  /// Its name.
  const char *name;
  /// `HEIRLOOM_NUMBER`, `HEIRLOOM_TEXT` or `HEIRLOOM_BOOLEAN`.
  uint32_t kind;
  /// A number; 0 or 1 for a boolean.
  double number;
  /// A text; null for the others.
  const char *text;
} HeirloomOption;

/// Where a function that fails says why; see `heirloom_fail`.
typedef struct HeirloomError {
  /// The message, with names, values and a remedy.
  char text[1024];
} HeirloomError;

/// What the host does for a component. Random numbers follow from a seed, a stream's name and a counter.
typedef struct HeirloomHost {
  /// The host's own.
  const void *context;
  /// Draws a configuration, `[d]`, uniformly. With the request's seed, the stream `trial` and the trial's number it
  /// is the same that every other language draws.
  int32_t (*sample)(const struct HeirloomHost *host,
                    const uint8_t *seed,
                    const char *stream,
                    uint64_t counter,
                    double *configuration);
  /// Sets one parameter of `from`, drawn at random, to a neighbouring value.
  int32_t (*mutate)(const struct HeirloomHost *host,
                    const uint8_t *seed,
                    const char *stream,
                    uint64_t counter,
                    const double *from,
                    double *configuration);
  /// Draws `n` numbers, uniform in 0 to 1.
  int32_t (*uniform)(const struct HeirloomHost *host,
                     const uint8_t *seed,
                     const char *stream,
                     uint64_t counter,
                     double *numbers,
                     size_t n);
  /// The configuration nearest to a point of the unit cube, `[d]` both; inactive parameters get NaN. It may be a
  /// forbidden one.
  int32_t (*from_unit)(const struct HeirloomHost *host, const double *unit, double *configuration);
  /// A configuration's place in the unit cube; inactive parameters have NaN.
  int32_t (*to_unit)(const struct HeirloomHost *host, const double *configuration, double *unit);
  /// Whether a configuration is a point of the space: `HEIRLOOM_OK`, else `error` says what is wrong.
  int32_t (*check)(const struct HeirloomHost *host, const double *configuration, struct HeirloomError *error);
  /// Writes to the host's log: level 1 (error) to 5 (trace).
  void (*log)(const struct HeirloomHost *host, uint32_t level, const char *text);
  /// 1 where the run was told to end.
  uint32_t (*cancelled)(const struct HeirloomHost *host);
} HeirloomHost;

/// What a component is made from. All of it stays where it is until the component is destroyed.
typedef struct HeirloomSetup {
  /// The component's name.
  const char *name;
  /// The search space, `[d]`; none for an estimator where the run file has none.
  const struct HeirloomParameter *parameters;
  /// `d`.
  size_t n_parameters;
  /// The dimensions of an evaluation's size, `[f]`; none for estimators.
  const struct HeirloomFidelity *fidelities;
  /// `f`.
  size_t n_fidelities;
  /// What is measured, `[m]`; none for estimators.
  const struct HeirloomObjective *objectives;
  /// `m`.
  size_t n_objectives;
  /// The options, checked against `plugin.toml`, defaults filled in.
  const struct HeirloomOption *options;
  /// How many there are.
  size_t n_options;
  /// The same as JSON.
  const char *options_json;
  /// The space, fidelities and objectives as JSON, conditions and forbidden combinations among them.
  const char *problem_json;
  /// The run file's folder.
  const char *folder;
  /// How many threads the component may use at the same time.
  uint64_t threads;
  /// What the host does for a component.
  const struct HeirloomHost *host;
} HeirloomSetup;

/// Makes a component: writes it to `component`, or returns what is wrong.
typedef int32_t (*HeirloomCreate)(const struct HeirloomSetup *setup,
                                  void **component,
                                  struct HeirloomError *error);

/// Ends a component.
typedef void (*HeirloomDestroy)(void *component);

/// Trials: what each is and how large.
typedef struct HeirloomTrials {
  /// How many.
  size_t n;
  /// Their numbers, `[n]`.
  const uint64_t *ids;
  /// `[n × d]`.
  const double *configurations;
  /// `[n × f]`.
  const double *fidelities;
} HeirloomTrials;

/// What a strategy is asked.
typedef struct HeirloomAsk {
  /// How many proposals are wanted; fewer may be given.
  size_t n;
  /// The number that the first proposal's trial will have; the next ones count on.
  uint64_t first_trial;
  /// The strategy's seed, the same at every call of a run.
  uint8_t seed[32];
  /// Proposed and not told yet.
  struct HeirloomTrials pending;
} HeirloomAsk;

/// Where a strategy writes its proposals: room for as many as were asked for.
typedef struct HeirloomProposals {
  /// How many were written: set it; it begins at 0.
  size_t n;
  /// `[n × d]`, filled with NaN.
  double *configurations;
  /// `[n × f]`, filled with the full size.
  double *fidelities;
  /// Whose weights are inherited, `[n]`, filled with `HEIRLOOM_NONE`.
  uint64_t *parents;
  /// Which trial is trained further, `[n]`, filled with `HEIRLOOM_NONE`.
  uint64_t *continues;
} HeirloomProposals;

/// What became of trials.
typedef struct HeirloomObservations {
  /// Which.
  struct HeirloomTrials trials;
  /// `m`.
  size_t n_objectives;
  /// Minimised, `[n × m]`, NaN where the trial failed.
  const double *objectives;
  /// `[n]`: 0, or `HEIRLOOM_OUT_OF_MEMORY` and so on.
  const uint8_t *failures;
  /// Seconds, `[n]`.
  const double *costs;
} HeirloomObservations;

/// A point of a running trial's learning curve.
typedef struct HeirloomReport {
  /// The trial.
  uint64_t trial;
  /// `[f]`.
  const double *fidelity;
  /// How far it has come.
  double step;
  /// Minimised, `[m]`.
  const double *objectives;
  /// `m`.
  size_t n_objectives;
  /// Seconds.
  double cost_seconds;
} HeirloomReport;

/// What is believed before the first trial.
typedef struct HeirloomKnowledge {
  /// How many configurations.
  size_t n;
  /// `[n × d]`.
  const double *configurations;
  /// Expected quantile, `[n]`: 0 the best, 1 the worst.
  const double *scores;
  /// How much to trust it, `[n]`: 1 counts as one trial.
  const double *weights;
} HeirloomKnowledge;

/// Bytes of the component's own, which stay where they are until its next call.
typedef struct HeirloomBytes {
  /// Null for none.
  const uint8_t *data;
  /// How many.
  size_t length;
} HeirloomBytes;

/// A strategy's functions. Calls never overlap. What stands after `tell` may be null.
typedef struct HeirloomStrategy {
  /// Makes it for a problem.
  HeirloomCreate create;
  /// Ends it.
  HeirloomDestroy destroy;
  /// Proposes configurations.
  int32_t (*ask)(void *strategy,
                 const struct HeirloomAsk *ask,
                 struct HeirloomProposals *proposals,
                 struct HeirloomError *error);
  /// Learns what became of trials.
  int32_t (*tell)(void *strategy, const struct HeirloomObservations *observations, struct HeirloomError *error);
  /// Says whether a running trial goes on: sets `verdict`, which begins at `HEIRLOOM_CONTINUE`.
  int32_t (*judge)(void *strategy,
                   const struct HeirloomReport *report,
                   uint32_t *verdict,
                   struct HeirloomError *error);
  /// Takes in what is believed: sets `used` to 1 where it will be used.
  int32_t (*inform)(void *strategy,
                    const struct HeirloomKnowledge *knowledge,
                    uint32_t *used,
                    struct HeirloomError *error);
  /// Sets the trial to recommend; it begins at `HEIRLOOM_NONE`.
  int32_t (*recommend)(void *strategy, uint64_t *trial, struct HeirloomError *error);
  /// Gives the state. No search calls it yet: a resumed one replays its trials.
  int32_t (*save)(void *strategy, struct HeirloomBytes *state, struct HeirloomError *error);
  /// Takes up a state that `save` gave.
  int32_t (*restore)(void *strategy, const struct HeirloomBytes *state, struct HeirloomError *error);
} HeirloomStrategy;

/// What an estimator says of itself.
typedef struct HeirloomEstimatorInfo {
  /// What it measures, `[m]`, at least one.
  const struct HeirloomObjective *objectives;
  /// `m`.
  size_t n_objectives;
  /// The dimensions of an evaluation's size, `[f]`.
  const struct HeirloomFidelity *fidelities;
  /// `f`.
  size_t n_fidelities;
  /// The space it knows as JSON, as a run file has it; null where the run file gives the space.
  const char *space_json;
  /// 1 where cost is simulated: seconds reported, not spent.
  uint32_t simulated_cost;
  /// 1 where `evaluate` may be called from several threads at once.
  uint32_t concurrent;
} HeirloomEstimatorInfo;

/// The evaluation's line to the host, for as long as the call. It may be used from any thread.
typedef struct HeirloomReporter {
  /// The host's own.
  const void *context;
  /// Reports a point of the learning curve, objectives minimised, `[m]`; returns the verdict.
  uint32_t (*report)(const struct HeirloomReporter *reporter, double step, const double *objectives);
  /// Keeps something else that was measured, in its own unit.
  void (*metric)(const struct HeirloomReporter *reporter, const char *name, double value);
  /// 1 where the evaluation shall end, with `HEIRLOOM_CANCELLED`.
  uint32_t (*cancelled)(const struct HeirloomReporter *reporter);
} HeirloomReporter;

/// One trial to evaluate.
typedef struct HeirloomEvaluation {
  /// Its number.
  uint64_t trial;
  /// Which try at it this is, from 1.
  uint64_t attempt;
  /// `[d]`.
  const double *configuration;
  /// `[f]`.
  const double *fidelity;
  /// `d`.
  size_t n_parameters;
  /// `f`; 0 where the run has only one size.
  size_t n_fidelities;
  /// Whose weights are inherited, or `HEIRLOOM_NONE`.
  uint64_t parent;
  /// Which trial is trained further, or `HEIRLOOM_NONE`.
  uint64_t continues;
  /// The evaluation's seed.
  uint8_t seed[32];
  /// Seconds that it may take; NaN for no limit.
  double seconds;
  /// Bytes of memory that it may use, or `HEIRLOOM_NONE`.
  uint64_t memory_bytes;
  /// How many threads it may use.
  uint64_t threads;
  /// Where the run keeps the files of its trials; null for nowhere.
  const char *folder;
  /// The line to the host.
  const struct HeirloomReporter *reporter;
} HeirloomEvaluation;

/// Where an estimator writes what it measured.
typedef struct HeirloomOutcome {
  /// Minimised, `[m]`.
  double *objectives;
  /// Seconds; left at NaN, the host's clock counts.
  double cost_seconds;
} HeirloomOutcome;

/// An estimator's functions.
typedef struct HeirloomEstimator {
  /// Makes it.
  HeirloomCreate create;
  /// Ends it.
  HeirloomDestroy destroy;
  /// What it measures. Called once; what is written stays where it is until the estimator is destroyed.
  int32_t (*info)(void *estimator, struct HeirloomEstimatorInfo *info, struct HeirloomError *error);
  /// Evaluates one trial: `HEIRLOOM_OK`, or the failure's kind with its message in `error`.
  int32_t (*evaluate)(void *estimator,
                      const struct HeirloomEvaluation *evaluation,
                      struct HeirloomOutcome *outcome,
                      struct HeirloomError *error);
} HeirloomEstimator;

/// What a proxy says of itself.
typedef struct HeirloomProxyInfo {
  /// 1 where a larger score promises a better configuration.
  uint32_t maximise;
  /// `HEIRLOOM_NEEDS_NOTHING` and so on.
  uint32_t needs;
  /// Rough seconds for one score.
  double cost_seconds;
  /// The unit of a score; null for none.
  const char *unit;
  /// 1 where `score` may be called from several threads at once.
  uint32_t concurrent;
} HeirloomProxyInfo;

/// A proxy's functions.
typedef struct HeirloomProxy {
  /// Makes it for a problem.
  HeirloomCreate create;
  /// Ends it.
  HeirloomDestroy destroy;
  /// What it measures. Called once.
  int32_t (*info)(void *proxy, struct HeirloomProxyInfo *info, struct HeirloomError *error);
  /// Scores `n` configurations, `[n × d]`, into `scores`, `[n]`, which begin at NaN: not scored.
  int32_t (*score)(void *proxy,
                   const double *configurations,
                   size_t n,
                   const uint8_t *seed,
                   double *scores,
                   struct HeirloomError *error);
} HeirloomProxy;

/// One component: its name and its functions; the other two are null.
typedef struct HeirloomComponent {
  /// Its name in run files.
  const char *name;
  /// A strategy's functions.
  const struct HeirloomStrategy *strategy;
  /// An estimator's functions.
  const struct HeirloomEstimator *estimator;
  /// A proxy's functions.
  const struct HeirloomProxy *proxy;
} HeirloomComponent;

/// What a library exports: the function `heirloom_plugin_1` returns it. `HEIRLOOM_PLUGIN` writes it. Published: it never
/// changes.
typedef struct HeirloomPlugin {
  /// The record in the section `.heirloom`.
  const uint8_t *record;
  /// Its end.
  const uint8_t *record_end;
  /// The components.
  const struct HeirloomComponent *components;
  /// How many.
  size_t n_components;
} HeirloomPlugin;

/* Writes why a function fails, and gives back the status to return. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static inline int32_t heirloom_fail(HeirloomError *error, int32_t status, const char *format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(error->text, sizeof error->text, format, values);
  va_end(values);
  return status;
}

/* The option `name`; null where it was left out and has no default. */
static inline const HeirloomOption *heirloom_option(const HeirloomSetup *setup, const char *name) {
  for (size_t i = 0; i < setup->n_options; i++) {
    if (strcmp(setup->options[i].name, name) == 0) return &setup->options[i];
  }
  return NULL;
}

/* The number or boolean `name`, or `otherwise`. */
static inline double heirloom_number(const HeirloomSetup *setup, const char *name, double otherwise) {
  const HeirloomOption *option = heirloom_option(setup, name);
  return option && option->kind != HEIRLOOM_TEXT ? option->number : otherwise;
}

/* The text `name`, or `otherwise`. */
static inline const char *heirloom_text(const HeirloomSetup *setup, const char *name, const char *otherwise) {
  const HeirloomOption *option = heirloom_option(setup, name);
  return option && option->kind == HEIRLOOM_TEXT ? option->text : otherwise;
}

/* What this library is built for; say it where the compiler does not. */
#if !defined(HEIRLOOM_TARGET)
#if defined(__x86_64__) && defined(__gnu_linux__)
#define HEIRLOOM_TARGET "x86_64-unknown-linux-gnu"
#elif defined(__aarch64__) && defined(__gnu_linux__)
#define HEIRLOOM_TARGET "aarch64-unknown-linux-gnu"
#elif defined(__x86_64__) && defined(__APPLE__)
#define HEIRLOOM_TARGET "x86_64-apple-darwin"
#elif defined(__aarch64__) && defined(__APPLE__)
#define HEIRLOOM_TARGET "aarch64-apple-darwin"
#else
#error "define HEIRLOOM_TARGET as the target that `heirloom plugin list --json` names"
#endif
#endif

#if defined(__clang__)
#define HEIRLOOM_COMPILER "clang " __clang_version__
#else
#define HEIRLOOM_COMPILER "gcc " __VERSION__
#endif

#if defined(__APPLE__)
#define HEIRLOOM_SYMBOL(name) "_" name
#define HEIRLOOM_BEGIN_SECTION ".section __DATA,__heirloom\n"
#define HEIRLOOM_END_SECTION ".text\n"
#define HEIRLOOM_HIDE ".private_extern "
#else
#define HEIRLOOM_SYMBOL(name) name
#define HEIRLOOM_BEGIN_SECTION ".pushsection .heirloom,\"a\"\n"
#define HEIRLOOM_END_SECTION ".popsection\n"
#define HEIRLOOM_HIDE ".hidden "
#endif

#if defined(__cplusplus)
#define HEIRLOOM_EXTERN extern "C"
#else
#define HEIRLOOM_EXTERN extern
#endif

/* Puts the record into the library, where a host finds it without loading: `manifest` is the path of `plugin.toml`, as
 * the assembler finds it (from the folder in which the compiler runs). */
#define HEIRLOOM_RECORD(manifest)                                                                            \
  __asm__(HEIRLOOM_BEGIN_SECTION                                                                             \
          ".globl " HEIRLOOM_SYMBOL("heirloom_record_1") "\n"                                                \
          HEIRLOOM_HIDE HEIRLOOM_SYMBOL("heirloom_record_1") "\n"                                            \
          ".globl " HEIRLOOM_SYMBOL("heirloom_record_1_end") "\n"                                            \
          HEIRLOOM_HIDE HEIRLOOM_SYMBOL("heirloom_record_1_end") "\n"                                        \
          HEIRLOOM_SYMBOL("heirloom_record_1") ":\n"                                                         \
          ".ascii \"HEIRLOOM\"\n"                                                                            \
          ".long 2f - 1f\n"                                                                                  \
          "1: .ascii \"{\\\"interface\\\":1,\\\"target\\\":\\\"" HEIRLOOM_TARGET "\\\",\"\n"                 \
          ".ascii \"\\\"rustc\\\":\\\"" HEIRLOOM_COMPILER "\\\",\\\"version\\\":\\\"\\\",\"\n"               \
          ".ascii \"\\\"components\\\":[]}\"\n"                                                              \
          "2: .long 4f - 3f\n"                                                                               \
          "3: .incbin \"" manifest "\"\n"                                                                    \
          "4:\n"                                                                                             \
          HEIRLOOM_SYMBOL("heirloom_record_1_end") ":\n"                                                     \
          HEIRLOOM_END_SECTION);                                                                             \
  HEIRLOOM_EXTERN const uint8_t heirloom_record_1[];                                                         \
  HEIRLOOM_EXTERN const uint8_t heirloom_record_1_end[];

/* One component of a plugin: its name in run files and a pointer to its functions. */
#define HEIRLOOM_STRATEGY(name, functions) {name, functions, NULL, NULL}
#define HEIRLOOM_ESTIMATOR(name, functions) {name, NULL, functions, NULL}
#define HEIRLOOM_PROXY(name, functions) {name, NULL, NULL, functions}

/* What makes a library a plugin, once, in one source file: the path of `plugin.toml`, then its components. */
#define HEIRLOOM_PLUGIN(manifest, ...)                                                                       \
  HEIRLOOM_RECORD(manifest)                                                                                  \
  static const HeirloomComponent heirloom_components_1[] = {__VA_ARGS__};                                    \
  HEIRLOOM_EXTERN __attribute__((visibility("default"))) const HeirloomPlugin *heirloom_plugin_1(void);      \
  HEIRLOOM_EXTERN const HeirloomPlugin *heirloom_plugin_1(void) {                                            \
    static const HeirloomPlugin plugin = {heirloom_record_1, heirloom_record_1_end, heirloom_components_1,   \
                                          sizeof heirloom_components_1 / sizeof heirloom_components_1[0]};   \
    return &plugin;                                                                                          \
  }

#if defined(__cplusplus)
/* Runs `body` and turns an exception into an error: none may leave a plugin's function. */
template <typename Body>
int32_t heirloom_guard(HeirloomError *error, int32_t status, Body body) {
  try {
    return body();
  } catch (const std::exception &exception) {
    return heirloom_fail(error, status, "%s", exception.what());
  } catch (...) {
    return heirloom_fail(error, status, "it threw what is no std::exception");
  }
}
#endif

#endif /* HEIRLOOM_PLUGIN_H */
