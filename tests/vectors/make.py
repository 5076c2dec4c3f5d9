#!/usr/bin/env python3
"""Makes the *.safetensors files beside it: PyTorch's documented equations written a second time, a sequence at a time.

Derivatives are exact: a number x + aε + bδ + cεδ with ε² = δ² = 0 carries two first derivatives and a mixed second.
"""
import json
import math
import pathlib
import random
import struct


class Number:
    __slots__ = "x", "a", "b", "c"

    def __init__(self, x, a=0.0, b=0.0, c=0.0):
        self.x, self.a, self.b, self.c = x, a, b, c

    def __add__(self, other):
        return Number(self.x + other.x, self.a + other.a, self.b + other.b, self.c + other.c)

    def __mul__(self, other):
        x, a, b, c = other.x, other.a, other.b, other.c
        return Number(self.x * x, self.a * x + self.x * a, self.b * x + self.x * b,
                      self.c * x + self.a * b + self.b * a + self.x * c)

    def through(self, y, first, second):
        """f of this number, given f and its derivatives at x."""
        return Number(y, first * self.a, first * self.b, first * self.c + second * self.a * self.b)


def constant(x):
    return Number(x)


def minus(u):
    return Number(-u.x, -u.a, -u.b, -u.c)


def tanh(u):
    y = math.tanh(u.x)
    return u.through(y, 1 - y * y, -2 * y * (1 - y * y))


def sigmoid(u):
    y = 1 / (1 + math.exp(-u.x))
    return u.through(y, y * (1 - y), y * (1 - y) * (1 - 2 * y))


def relu(u):
    return u if u.x > 0 else constant(0.0)


def exp(u):
    return u.through(math.exp(u.x), math.exp(u.x), math.exp(u.x))


def log(u):
    return u.through(math.log(u.x), 1 / u.x, -1 / u.x**2)


def total(numbers):
    result = constant(0.0)
    for number in numbers:
        result = result + number
    return result


def affine(W, x, b):
    """W x + b for a list W of rows; b may be missing."""
    rows = [W[k:k + len(x)] for k in range(0, len(W), len(x))]
    return [total([w * v for w, v in zip(row, x)] + ([b[k]] if b else [])) for k, row in enumerate(rows)]


def step(kind, W, U, b, d, x, state):
    """One step of a cell: its next state, whose first entry is h."""
    h, size = state[0], len(state[0])
    of_x, of_h = affine(W, x, b), affine(U, h, d)
    both = [p + q for p, q in zip(of_x, of_h)]
    gate = lambda values, k: values[k * size:(k + 1) * size]
    if kind == "lstm":
        i, f, g, o = (gate(both, k) for k in range(4))
        c = [sigmoid(f) * c + sigmoid(i) * tanh(g) for i, f, g, c in zip(i, f, g, state[1])]
        return [[sigmoid(o) * tanh(c) for o, c in zip(o, c)], c]
    if kind == "gru":
        r, z = ([sigmoid(u) for u in gate(both, k)] for k in range(2))
        n = [tanh(p + r * q) for p, r, q in zip(gate(of_x, 2), r, gate(of_h, 2))]
        return [[(constant(1.0) + minus(z)) * n + z * h for z, n, h in zip(z, n, h)]]
    return [[{"rnn_tanh": tanh, "rnn_relu": relu}[kind](u) for u in both]]


def recurrent(o, t):
    """The outputs of a stack of layers: y (T, B, directions · H), h_n and for an LSTM c_n (layers · directions, B, H)."""
    T, B, I, H, layers, directions = o["T"], o["B"], o["I"], o["H"], o["layers"], 1 + o["bidirectional"]
    names = ["h", "c"] if o["kind"] == "lstm" else ["h"]
    y = [constant(0.0)] * (T * B * directions * H)
    final = {name: [None] * (layers * directions * B * H) for name in names}
    for batch in range(B):
        length = int(t["in.lengths"][batch]) if o["varlen"] else T
        xs = [t["in.x"][(s * B + batch) * I:(s * B + batch + 1) * I] for s in range(length)]
        for layer in range(layers):
            outputs = [[] for _ in range(length)]
            for direction in range(directions):
                suffix = f"_l{layer}" + "_reverse" * direction
                weights = [t.get("w." + name + suffix) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
                at = ((layer * directions + direction) * B + batch) * H
                state = [t[f"in.{name}0"][at:at + H] if o["initial_state"] else [constant(0.0)] * H for name in names]
                for s in reversed(range(length)) if direction else range(length):
                    state = step(o["kind"], *weights, xs[s], state)
                    outputs[s] = outputs[s] + state[0]
                for name, entry in zip(names, state):
                    final[name][at:at + H] = entry
            xs = outputs
        for s in range(length):
            at = (s * B + batch) * directions * H
            y[at:at + directions * H] = xs[s]
    return {"y": y} | {name + "_n": values for name, values in final.items()}


def cross_entropy(o, t):
    """linear(embedding(ids)) against targets, as torch.nn.functional.cross_entropy has it."""
    size, classes, ignore = o["size"], o["classes"], o["ignore_index"]
    weights, smoothing = t.get("in.class_weight", [constant(1.0)] * classes), o["label_smoothing"]
    logits, losses, counted = [], [], 0.0
    for token, target in zip(t["in.ids"], t["in.target"]):
        z = affine(t["w.weight"], t["w.table"][int(token) * size:(int(token) + 1) * size], t["w.bias"])
        logits += z
        if target == ignore:
            losses.append(constant(0.0))
            continue
        normaliser = minus(log(total([exp(u) for u in z])))
        weighted = [w * minus(u + normaliser) for w, u in zip(weights, z)]
        spread = constant(smoothing / classes) * total(weighted)
        losses.append(constant(1 - smoothing) * weighted[int(target)] + spread)
        counted += weights[int(target)].x
    if o["reduction"] == "none":
        return {"logits": logits, "y": losses}
    return {"logits": logits, "y": [total(losses) * constant(1 / counted if o["reduction"] == "mean" else 1.0)]}


def derive(forward, options, tensors, entries=lambda name, size: range(size)):
    """The outputs of a case and the derivatives of its loss, by one pass for each entry that is asked for."""
    leaves = [name for name in tensors if name[:2] in ("in", "w.") and "v." + name.partition(".")[2] in tensors]

    def run(leaf=None, entry=None):
        values = {}
        for name, (shape, content) in tensors.items():
            if name in leaves:
                direction = tensors["v." + name.partition(".")[2]][1]
                values[name] = [Number(x, float((name, k) == (leaf, entry)), direction[k]) for k, x in enumerate(content)]
            else:
                whole = all(isinstance(x, int) for x in content)
                values[name] = content if whole else [constant(x) for x in content]
        outputs = forward(options, values)
        return outputs, total([w * y for name, ys in outputs.items() if "lw." + name in tensors
                               for w, y in zip(values["lw." + name], ys)])

    outputs, loss = run()
    result = {"out." + name: [y.x for y in ys] for name, ys in outputs.items()} | {"out.loss": [loss.x]}
    for leaf in leaves:
        name = leaf.partition(".")[2]
        losses = {k: run(leaf, k)[1] for k in entries(name, len(tensors[leaf][1]))}
        result["grad." + name] = {k: number.a for k, number in losses.items()}
        result["hvp." + name] = {k: number.c for k, number in losses.items()}
    return result


def optimize(o, start, gradients):
    """The trajectory of SGD with momentum, Adam or AdamW from a start under given gradients, step after step."""
    p, first, second, path = list(start), [0.0] * len(start), [0.0] * len(start), []
    for n in range(1, len(gradients) // len(start) + 1):
        for k, g in enumerate(gradients[(n - 1) * len(p):n * len(p)]):
            if o["op"] == "adamw":
                p[k] *= 1 - o["lr"] * o["weight_decay"]
            else:
                g += o["weight_decay"] * p[k]
            if "betas" in o:
                first[k] = o["betas"][0] * first[k] + (1 - o["betas"][0]) * g
                second[k] = o["betas"][1] * second[k] + (1 - o["betas"][1]) * g * g
                root = math.sqrt(second[k] / (1 - o["betas"][1]**n)) + o["eps"]
                p[k] -= o["lr"] * first[k] / (1 - o["betas"][0]**n) / root
            else:
                first[k] = o["momentum"] * first[k] + g
                p[k] -= o["lr"] * first[k]
        path += p
    return path


def write(name, options, tensors):
    """A safetensors file of tensors {name: (shape, values)}: F64, or I64 where all values are integers."""
    header = {"__metadata__": {key: value if isinstance(value, str) else json.dumps(value)
                               for key, value in options.items()}}
    content = b""
    for tensor, (shape, values) in sorted(tensors.items()):
        whole = bool(values) and all(isinstance(x, int) for x in values)
        begin = len(content)
        content += struct.pack(f"<{len(values)}{'q' if whole else 'd'}", *values)
        header[tensor] = {"dtype": "I64" if whole else "F64", "shape": list(shape),
                          "data_offsets": [begin, len(content)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = pathlib.Path(__file__).with_name(name + ".safetensors")
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)


def complete(name, forward, options, tensors, draw, loss, shapes):
    """Writes a case with a direction, weights of the loss and its results."""
    for leaf in [leaf for leaf in tensors if leaf.startswith("w.") or leaf in ("in.x", "in.h0", "in.c0")]:
        tensors["v." + leaf.partition(".")[2]] = draw(*tensors[leaf][0])
    for output in loss:
        tensors["lw." + output] = draw(*shapes[output])
    of_leaf = {leaf.partition(".")[2]: tensors[leaf][0] for leaf in tensors if leaf[:2] in ("in", "w.")}
    results = {}
    for tensor, values in derive(forward, options, tensors).items():
        kind, _, of = tensor.partition(".")
        shape = shapes[of] if kind == "out" else of_leaf[of]
        results[tensor] = (shape, list(values.values()) if isinstance(values, dict) else values)
    write(name, options, tensors | results)


def drawer(seed, size=1.0):
    stream = random.Random(seed)
    return lambda *shape: (shape, [stream.gauss(0, size) for _ in range(math.prod(shape))])


def make_recurrent(seed, kind, T, I, H, lengths, layers=1, bidirectional=0, bias=1, initial_state=0, nan_padding=0):
    draw, B, gates, directions = drawer(seed), len(lengths), {"lstm": 4, "gru": 3}.get(kind, 1), 1 + bidirectional
    options = {"case": "rnn", "kind": kind, "seed": seed, "layers": layers, "bidirectional": bidirectional,
               "bias": bias, "T": T, "B": B, "I": I, "H": H, "varlen": int(lengths != [T] * B),
               "initial_state": initial_state, "second_order": 1, "nan_padding": nan_padding}
    tensors = {"in.x": draw(T, B, I), "in.lengths": ([B], lengths)}
    for k in range(T * B * I):
        if k // (B * I) >= lengths[k // I % B]:
            tensors["in.x"][1][k] = math.nan if nan_padding else 1e3
    states = ["h", "c"] if kind == "lstm" else ["h"]
    for name in states * initial_state:
        tensors[f"in.{name}0"] = draw(layers * directions, B, H)
    for layer in range(layers):
        for suffix in [f"_l{layer}", f"_l{layer}_reverse"][:directions]:
            tensors["w.weight_ih" + suffix] = draw(gates * H, directions * H if layer else I)
            tensors["w.weight_hh" + suffix] = draw(gates * H, H)
            for name in ["w.bias_ih", "w.bias_hh"] * bias:
                tensors[name + suffix] = draw(gates * H)
    shapes = {"y": (T, B, directions * H), "h_n": (layers * directions, B, H), "c_n": (layers * directions, B, H),
              "loss": ()}
    complete(f"rnn_{seed:03}", recurrent, options, tensors, draw, ["y"] + [name + "_n" for name in states], shapes)


def make_loss(seed, reduction, ignore_index, class_weight, label_smoothing):
    draw, places, classes, size = drawer(seed), 6, 4, 2
    options = {"case": "loss", "op": "embedding+linear+cross_entropy", "reduction": reduction, "seed": seed,
               "ignore_index": ignore_index, "class_weight": class_weight, "label_smoothing": label_smoothing,
               "classes": classes, "size": size, "second_order": 1}
    tensors = {"in.ids": ([places], [3, 0, 3, 1, 4, 2]), "in.target": ([places], [1, ignore_index, 0, 3, 3, 2]),
               "w.table": draw(5, size), "w.weight": draw(classes, size), "w.bias": draw(classes)}
    if class_weight:
        tensors["in.class_weight"] = ([classes], [math.exp(x) for x in draw(classes)[1]])
    shapes = {"y": (places,) if reduction == "none" else (), "logits": (places, classes), "loss": ()}
    complete(f"loss_{seed:03}", cross_entropy, options, tensors, draw, ["y"], shapes)


def make_optimizer(seed, **options):
    draw = drawer(seed)
    tensors = {"in.p0": draw(3, 2), "in.q0": draw(4), "in.gp": draw(5, 3, 2), "in.gq": draw(5, 4)}
    for name in "pq":
        tensors["out." + name] = (tensors["in.g" + name][0],
                                  optimize(options, tensors[f"in.{name}0"][1], tensors["in.g" + name][1]))
    defaults = json.dumps({key: value for key, value in options.items() if key != "op"})
    write(f"optim_{seed:03}", {"case": "optim", "op": options["op"], "seed": seed, "defaults": defaults}, tensors)


if __name__ == "__main__":
    make_recurrent(101, "rnn_tanh", T=5, I=2, H=2, lengths=[3, 5, 1], bidirectional=1, initial_state=1)
    make_recurrent(102, "rnn_relu", T=4, I=3, H=3, lengths=[4, 2], layers=2, nan_padding=1)
    make_recurrent(103, "lstm", T=4, I=2, H=2, lengths=[2, 4, 3], bidirectional=1, initial_state=1, nan_padding=1)
    make_recurrent(104, "lstm", T=3, I=1, H=2, lengths=[3, 3], layers=2, bias=0)
    make_recurrent(105, "gru", T=4, I=2, H=2, lengths=[1, 4, 2], layers=2, bidirectional=1, initial_state=1)
    make_recurrent(106, "gru", T=5, I=3, H=2, lengths=[5, 2], bias=0, nan_padding=1)
    make_loss(201, "mean", ignore_index=-100, class_weight=1, label_smoothing=0.0)
    make_loss(202, "sum", ignore_index=0, class_weight=1, label_smoothing=0.1)
    make_loss(203, "none", ignore_index=-100, class_weight=0, label_smoothing=0.2)
    make_loss(204, "mean", ignore_index=0, class_weight=0, label_smoothing=0.0)
    make_optimizer(301, op="momentum", lr=0.1, momentum=0.9, weight_decay=0.01)
    make_optimizer(302, op="adam", lr=0.05, betas=[0.9, 0.99], eps=1e-8, weight_decay=0.1)
    make_optimizer(303, op="adamw", lr=0.05, betas=[0.8, 0.95], eps=1e-6, weight_decay=0.1)
