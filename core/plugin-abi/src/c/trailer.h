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
