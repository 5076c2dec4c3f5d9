// The cases of vectors_runner, and the operations that they try.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <unroll/nn/nn.hpp>
#include <vector>

namespace unroll::vectors {

using Json = nlohmann::json;
using V = Variable<double>;
using Values = std::map<std::string, V>;

class Case {
 public:
  explicit Case(const std::string& path) : file_(nn::read_safetensors(path)) {}

  bool has(const std::string& tensor) const { return file_.tensors.contains(tensor); }
  bool has_any(const std::string& kind) const {
    const auto found = file_.tensors.lower_bound(kind);
    return found != file_.tensors.end() && found->first.starts_with(kind);
  }
  const std::string& text(const std::string& key) const {
    require(file_.metadata.contains(key), "metadata", "'", key, "' is missing");
    return file_.metadata.at(key);
  }
  std::string text(const std::string& key, const std::string& otherwise) const {
    return file_.metadata.contains(key) ? text(key) : otherwise;
  }
  bool flag(const std::string& key) const { return text(key) == "1"; }
  std::size_t number(const std::string& key) const { return std::stoul(text(key)); }
  Array<double> array(const std::string& tensor) const { return stored(tensor).to<double>(); }
  Indices indices(const std::string& tensor) const { return stored(tensor).to_indices(); }
  const auto& tensors() const { return file_.tensors; }

 private:
  const nn::StoredTensor& stored(const std::string& tensor) const {
    require(has(tensor), "tensors", tensor, " is missing");
    return file_.tensors.at(tensor);
  }
  nn::Safetensors file_;
};

inline const V& at(const Values& inputs, const std::string& name) {
  require(inputs.contains(name), "tensors", "there is no input or weight ", name);
  return inputs.at(name);
}

// The operands and attributes that an operation is called with.
struct Arguments {
  const Case& of;
  Values inputs;
  Json attributes = Json::parse(of.text("attrs"));
  V x = operand("x"), a = operand("a"), b = operand("b");

  V operand(const std::string& name) const { return inputs.contains(name) ? inputs.at(name) : V(); }
  Indices index() const { return of.indices("in.index"); }
  int axis() const { return attributes.at("axis"); }
  std::vector<int> list(const char* attribute) const { return attributes.at(attribute); }
  Axes axes() const { return list("axes"); }
  bool keep() const { return attributes.value("keepdims", false); }
  Transposed transposed() const {
    return {attributes.value("transpose_a", false), attributes.value("transpose_b", false)};
  }
  std::vector<V> all() const {
    std::vector<V> values;
    for (const auto& [name, value] : inputs) values.push_back(value);
    return values;
  }
};

inline V slices(const Arguments& in) {
  V x = in.x;
  for (int axis = 0; const Json& part : in.attributes.at("slices")) {
    const auto end = static_cast<std::int64_t>(x.shape()[std::size_t(axis)]);
    x = slice(x, axis++, part[0].is_null() ? 0 : int(part[0]), part[1].is_null() ? end : int(part[1]), part[2]);
  }
  return x;
}

// The operations, by the name of the case or else by that of the operation.
inline const std::map<std::string, std::function<V(const Arguments&)>> operations{
    {"add", [](auto& in) { return in.a + in.b; }},
    {"sub", [](auto& in) { return in.a - in.b; }},
    {"mul", [](auto& in) { return in.a * in.b; }},
    {"div", [](auto& in) { return in.a / in.b; }},
    {"neg", [](auto& in) { return -in.x; }},
    {"exp", [](auto& in) { return exp(in.x); }},
    {"log", [](auto& in) { return log(in.x); }},
    {"tanh", [](auto& in) { return tanh(in.x); }},
    {"sigmoid", [](auto& in) { return sigmoid(in.x); }},
    {"relu", [](auto& in) { return relu(in.x); }},
    {"square", [](auto& in) { return square(in.x); }},
    {"abs", [](auto& in) { return abs(in.x); }},
    {"clamp", [](auto& in) { return clamp(in.x, in.attributes.at("min"), in.attributes.at("max")); }},
    {"sin", [](auto& in) { return sin(in.x); }},
    {"cos", [](auto& in) { return cos(in.x); }},
    {"erf", [](auto& in) { return erf(in.x); }},
    {"gelu_erf", [](auto& in) { return gelu(in.x); }},
    {"log1p", [](auto& in) { return log1p(in.x); }},
    {"expm1", [](auto& in) { return expm1(in.x); }},
    {"logsigmoid", [](auto& in) { return log_sigmoid(in.x); }},
    {"maximum", [](auto& in) { return maximum(in.a, in.b); }},
    {"minimum", [](auto& in) { return minimum(in.a, in.b); }},
    {"pow", [](auto& in) { return pow(in.a, in.b); }},
    {"reciprocal", [](auto& in) { return reciprocal(in.x); }},
    {"rsqrt", [](auto& in) { return rsqrt(in.x); }},
    {"silu", [](auto& in) { return silu(in.x); }},
    {"softplus", [](auto& in) { return softplus(in.x); }},
    {"sqrt", [](auto& in) { return sqrt(in.x); }},
    {"amin", [](auto& in) { return min(in.x, in.axes(), in.keep()); }},
    {"prod", [](auto& in) { return prod(in.x, in.axes(), in.keep()); }},
    {"var", [](auto& in) { return variance(in.x, in.axes(), in.keep(), in.attributes.at("ddof")); }},
    {"norm", [](auto& in) { return norm(in.x); }},
    {"cumsum", [](auto& in) { return cumulative_sum(in.x, in.axis()); }},
    {"pad", [](auto& in) { return pad(in.x, in.attributes.at("pad")); }},
    {"layer_norm",
     [](auto& in) {
       const std::size_t size = Shape(in.list("normalized_shape")).elements();
       const auto row = [&](const char* name) {
         return in.operand(name).has_value() ? reshape(in.operand(name), {size}) : V();
       };
       const V rows = reshape(in.x, {in.x.size() / size, size});
       return reshape(nn::layer_norm(rows, row("weight"), row("bias"), in.attributes.at("eps")), in.x.shape());
     }},
    {"where", [](auto& in) { return where(in.operand("mask"), in.a, in.b); }},
    {"matmul", [](auto& in) { return matmul(in.a, in.b, in.transposed()); }},
    {"linear", [](auto& in) { return linear(in.x, in.operand("weight"), in.operand("bias")); }},
    {"sum", [](auto& in) { return sum(in.x, in.axes(), in.keep()); }},
    {"mean", [](auto& in) { return mean(in.x, in.axes(), in.keep()); }},
    {"amax", [](auto& in) { return max(in.x, in.axes(), in.keep()); }},
    {"max_dim", [](auto& in) { return max(in.x, in.axes(), in.keep()); }},
    {"logsumexp", [](auto& in) { return logsumexp(in.x, in.axis()); }},
    {"softmax", [](auto& in) { return softmax(in.x, in.axis()); }},
    {"log_softmax", [](auto& in) { return log_softmax(in.x, in.axis()); }},
    {"log_softmax__neginf", [](auto& in) { return exp(log_softmax(in.x, in.axis())); }},
    {"reshape__after_transpose",
     [](auto& in) {
       return reshape(transpose(in.x), Shape{2, 6});
     }},
    {"transpose", [](auto& in) { return transpose(in.x, in.list("perm")); }},
    {"expand", [](auto& in) { return broadcast_to(in.x, in.list("shape")); }},
    {"concat", [](auto& in) { return concatenate(in.all(), in.axis()); }},
    {"stack", [](auto& in) { return stack(in.all(), in.axis()); }},
    {"slice", slices},
    {"slice__int", [](auto& in) { return unstack(in.x).at(in.attributes.at("index")); }},
    {"slice__overlap", [](auto& in) { return slice(in.x, 0, 0, 3) * slice(in.x, 0, 1, 4) + slice(in.x, 0, 2, 5); }},
    {"flip", [](auto& in) { return flip(in.x, in.axes()); }},
    {"gather__rows", [](auto& in) { return take(in.operand("table"), in.index()); }},
    {"gather__elements", [](auto& in) { return take_along(in.x, in.index(), in.axis()); }},
    {"same_operand_sub", [](auto& in) { return in.x - in.x; }},
    {"same_operand_mul", [](auto& in) { return in.x * in.x; }},
    {"same_operand_div", [](auto& in) { return in.x / in.x; }},
    {"same_operand_matmul", [](auto& in) { return matmul(in.x, in.x); }},
    {"same_operand_concat", [](auto& in) { return concatenate(std::vector(3, in.x), 1); }},
    {"fanout_diamond", [](auto& in) { return (tanh(in.x) * in.x + sigmoid(in.x)) * sum(in.x, 0, true); }},
};

}  // namespace unroll::vectors
