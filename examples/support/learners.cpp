#include "learners.hpp"

#include <ctime>

namespace unroll::examples {

void add_experiment_options(CommandLine& line, ExperimentOptions& o, const std::string& what) {
  line.group("");
  line.add_file("--picture", o.picture, "where to draw " + what + ", as png, svg or pdf");
  line.group(model_group);
  line.add("--seeds", o.seeds, "models of a kind, which differ by their random numbers", between(1, 100));
  line.group(training_group);
  line.add("--steps", o.steps, "batches in an epoch", positive);
  add_training_options(line, o.training);
  line.remove("--shares");      // one for each model
  line.remove("--all-reduce");  // on one machine
  line.remove("--average");     // what is shown is how they learn
  line.remove("--load");        // an experiment begins with its start values
}

std::string text_of(const Spread& spread, int digits) {
  const std::string median = formatted("%.*g", digits, spread.median);
  if (spread.least == spread.most) return median;
  return median + formatted(" (%.*g-%.*g)", digits, spread.least, digits, spread.most);
}

double thread_seconds() {
  std::timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

}  // namespace unroll::examples
