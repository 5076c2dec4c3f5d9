// The rest of the vocabulary: functions, derivatives, checkpoints, losses, optimizers, and what shows what a tape does.
#include <iostream>
#include <sstream>
#include <unroll/nn/nn.hpp>

using namespace unroll;

bool vocabulary() {
  Random random(8);
  const Array<double> array = random.uniform<double>({2, 4}, 0.1, 0.9);
  const auto function = [](const Variable<double>& x) {
    const auto y = pow(x, 2) + log1p(x) + expm1(x) + sqrt(x) + rsqrt(x) + reciprocal(x) + abs(x) + log_sigmoid(x);
    const auto z = softplus(y) + silu(y) + gelu(y) + erf(y) + sin(y) + cos(y) + clamp(y, -1, 1);
    const auto w = maximum(z, 0.5) + minimum(0.5, z) + pad(slice(z, 1, 0, 4, 2), {{0, 0}, {1, 1}});
    return sum(min(w, 1) + prod(w, 1) + variance(w, 1, false, 1) + norm(w, 1)) + sum(cumulative_sum(w, 1));
  };
  const auto on_many = [&](const std::vector<Variable<double>>& xs) { return function(xs[0] * xs[1]); };
  const Array<double> h = hessian(function, array), slope = jacobian(function, array);
  const Array<double> along = hessian_vector(function, array, array), moved = jacobian_vector(function, array, array);
  const std::vector<Array<double>> slopes = jacobian(on_many, std::vector{array, array});
  bool good = h.dimension() == 4 && Shape(along.shape()) == Shape{2, 4} && moved.dimension() == 0 && slopes.size() == 2;
  good &= bool(gradient_check([&](const auto& xs) { return function(xs[0]); }, {array}, {.order = 2}));

  const AnomalyMode<double> anomalies;
  const Profile<double> profile;
  const Trace<double> trace;
  Tape<double> tape;
  const Variable<double> x = named("x", tape.watch(array));
  const TopK<double> best = top_k(x, 2);
  const Variable<double> y = checkpoint([](const auto& in) { return in[0] * one_hot<double>(argmax(in[0]), 4); }, {x});
  good &= to_dot(tape).starts_with("digraph") && to_dot(tape, {.backward = true}).ends_with("}\n") &&
          trace.find("checkpoint").size() > 2;

  const nn::TagConstraints bio = nn::bio_constraints({"O", "B-x", "I-x", "O"});
  const nn::CRF<double> crf({.tags = 4, .allowed = {bio.transitions, bio.start, bio.end}}, random);
  const auto emissions = reshape(x, {2, 1, 4});
  const Indices path = crf.decode(emissions);
  const std::vector<std::vector<nn::TagPath<double>>> paths = crf.n_best(emissions, 2);
  const Variable<double> chances = crf.marginals(emissions), score = crf.score(emissions, path);
  good &=
      paths[0].size() == 2 && std::abs(paths[0][0].score - score.item()) < 1e-12 && paths[0][0].tags[1] == path(1, 0);
  const Variable<double> ctc = nn::ctc_loss(emissions, xt::ones<std::int64_t>({1, 1}), Indices{2}, Indices{1},
                                            {.blank = 0, .reduction = nn::Reduction::mean, .zero_infinity = true});
  const std::vector<nn::Hypothesis> texts =
      nn::beam_search(std::array{zeros<double>({1, 3})},
                      [&](const auto& beams, const Indices& tokens) {
                        return std::pair(log_softmax(take(reshape(chances, {2, 4}), 0 * tokens)), beams);
                      },
                      {.width = 2, .length = 3, .start = 0, .end = 1, .length_penalty = 0.6, .axis = 0});
  good &=
      texts.size() == 2 && texts[0].score >= texts[1].score && texts[0].log_probability < 0 && !texts[0].tokens.empty();
  const Variable<double> loss = ctc + sum(chances) + crf.loss(emissions, path).mean() +
                                crf.log_likelihood(emissions, path) + nn::binary_cross_entropy(x, array) +
                                nn::mean_squared_error(x, y) +
                                nn::mean_absolute_error(x, y, {.reduction = nn::Reduction::sum}) +
                                nn::kl_divergence(log_softmax(x), softmax(Variable<double>(array))) + sum(best.values);
  Gradients<double> gradients = tape.backward(sum(loss));
  nn::clip_value(gradients, 0.1);
  const nn::ParameterGroups<double> groups{{.parameters = {crf.transitions}, .learning_rate_factor = 0.5},
                                           {.parameters = {crf.start, crf.end}, .weight_decay = 0.0}};
  nn::SGD<double>(groups, {.momentum = 0.9, .nesterov = true}).step(gradients);
  nn::Adam<double>(groups, {.amsgrad = true}).step(gradients);
  nn::RMSprop<double>(groups, {.momentum = 0.9, .centred = true}).step(gradients);
  nn::Adagrad<double>(groups).step(gradients);
  nn::Adadelta<double>(crf.parameters()).step(gradients);
  nn::Average<double> average(crf, 0.99);
  average.update();
  average.swap();
  nn::Ranks ranks;  // this process alone
  const auto parameters = crf.parameters();
  const auto start = [&](std::size_t) { return sum(square(crf.start)); };
  const auto shared = nn::parallel_gradients(2, start, parameters, ranks, {.ordered = false}).gradients;
  const std::vector<std::uint8_t> outline = shared.outline(parameters);
  const Variable<double> flat = shared.flat(parameters, outline);
  good &= Gradients<double>::from_flat(parameters, outline, flat).contains(crf.start) && ranks.rank() < ranks.count() &&
          ranks.owner(1, 2) == 0;
  const nn::CosineSchedule schedule({.start = 1e-2, .steps = 100, .warm_up = 10});
  const auto report = gradient_check([&] { return sum(crf.log_likelihood(emissions, path)); }, crf);
  print_table(std::cout, report);
  std::cout << profile << nn::summary(crf) << schedule(0) << '\n';
  return good && bool(report) && trace.entries().front().gradient.has_value();
}
