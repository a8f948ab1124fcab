/* The scores rank configurations as they should, not merely somehow. */
#define D 2
#include "host.h"

static double score(double layers, double width) {
  const HeirloomProxy *proxy = heirloom_plugin_1()->components[0].proxy;
  HeirloomParameter parameters[D];
  memset(parameters, 0, sizeof parameters);
  parameters[0].name = "layers";
  parameters[1].name = "width";
  const char *labels_0[] = {"1", "4"}, *labels_1[] = {"16", "128"};
  parameters[0].labels = labels_0;
  parameters[1].labels = labels_1;
  const HeirloomSetup setup = setup_of(parameters);
  HeirloomError error;
  void *weights = NULL;
  CHECK(proxy->create(&setup, &weights, &error) == HEIRLOOM_OK);
  const double configuration[] = {layers, width};
  const uint8_t seed[32] = {0};
  double scored = NAN;
  CHECK(proxy->score(weights, configuration, 1, seed, &scored, &error) == HEIRLOOM_OK);
  proxy->destroy(weights);
  return scored;
}

int main(void) {
  HeirloomProxyInfo info;
  HeirloomError error;
  memset(&info, 0, sizeof info);
  CHECK(heirloom_plugin_1()->components[0].proxy->info(NULL, &info, &error) == HEIRLOOM_OK);
  CHECK(info.maximise == 1 && info.needs == HEIRLOOM_NEEDS_NOTHING);
  /* 64 inputs and a bias to 16 units, those and a bias to 10 classes. */
  CHECK(score(0, 0) == 65.0 * 16.0 + 17.0 * 10.0);
  /* Larger networks stand higher. */
  CHECK(score(1, 0) == score(0, 0) + 3.0 * 17.0 * 16.0);
  CHECK(score(0, 1) > score(1, 0) && score(1, 1) > score(0, 1));
  /* What is no point of the space has no score. */
  CHECK(isnan(score(7, 0)));
  puts("passed");
  return 0;
}
