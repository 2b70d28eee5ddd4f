#!/usr/bin/env python3
"""Makes layers.json, training.json and two_outputs.json of tests/golden with PyTorch in float64 as the oracle.

Needs Debian's python3-torch and python3-numpy (1.13 and 1.24 made the committed files):

    /usr/bin/python3 scripts/make_golden_torch.py

Every input lies on a grid of 2^-10 or 2^-14, so it is the same number in float32 and float64.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

import golden_json

rng = np.random.RandomState(20)


def draw(*shape, scale=1.0, grid=1024.0):
    """Normal numbers on a grid; zero is left out so that no draw sits on the kink of a relu."""
    x = np.round(rng.standard_normal(shape) * scale * grid) / grid
    x = np.where(x == 0, 1 / grid, x)
    assert (x.astype(np.float32) == x).all()
    return torch.tensor(x, dtype=torch.float64)


def pack(tensor):
    tensor = tensor.detach()
    kind = {torch.int64: "i32", torch.bool: "bool"}.get(tensor.dtype, "f32")
    values = [int(v) for v in tensor.flatten()] if kind != "f32" else tensor.flatten().tolist()
    return golden_json.array(values, tensor.shape, kind)


def pack_all(tensors):
    return {name: pack(tensor) for name, tensor in tensors.items()}


# ---- layers and losses ----

cases = []


def case(name, layer, function, inputs, params=None, state=None, args=None, differentiate=None, cotangent=None):
    """Records function(**inputs, params, state) -> (output, new state) with the gradients of <cotangent, output>."""
    params, state = params or {}, state or {}
    leaves = {**{k: v for k, v in inputs.items() if v.dtype == torch.float64}, **params}
    if differentiate is not None:
        leaves = {k: v for k, v in leaves.items() if k in differentiate}
    for tensor in leaves.values():
        tensor.requires_grad_(True)
    output, new_state = function(inputs, params, state)
    cotangent = draw(*output.shape) if cotangent is None else cotangent
    gradients = torch.autograd.grad((output * cotangent).sum(), list(leaves.values()), allow_unused=True)
    grads = {k: torch.zeros_like(leaves[k]) if g is None else g for k, g in zip(leaves, gradients)}
    assert all(torch.isfinite(g).all() for g in grads.values()) and torch.isfinite(output).all(), name
    cases.append({"name": name, "layer": layer, "args": args or {}, "params": pack_all(params),
                  "state": pack_all(state), "inputs": pack_all(inputs), "cotangent": pack(cotangent),
                  "output": pack(output), "new_state": pack_all(new_state), "grads": pack_all(grads)})


def plain(function):
    """A function of x alone."""
    return lambda inputs, params, state: (function(inputs["x"]), {})


def linear(inputs, p, state):
    return F.linear(inputs["x"], p["kernel"].T, p.get("bias")), {}


def linear_cases():
    for name, lead, bias in (("linear", (5,), True), ("linear_no_bias", (5,), False),
                             ("linear_batch_dims", (2, 3), True)):
        params = {"kernel": draw(3, 4)}
        if bias:
            params["bias"] = draw(4)
        case(name, "Linear", linear, {"x": draw(*lead, 3)}, params,
             args={"in_features": 3, "out_features": 4, "use_bias": bias})
    case("linear_odd_sizes", "Linear", linear, {"x": draw(17, 13)}, {"kernel": draw(13, 19), "bias": draw(19)},
         args={"in_features": 13, "out_features": 19, "use_bias": True})


def layer_norm_cases():
    def layer_norm(inputs, p, state):
        return F.layer_norm(inputs["x"], (inputs["x"].shape[-1],), p.get("scale"), p.get("bias"), eps=1e-6), {}

    for name, shape, scale, bias in (("layer_norm", (5, 8), True, True), ("layer_norm_no_scale", (5, 8), False, True),
                                     ("layer_norm_no_bias", (5, 8), True, False),
                                     ("layer_norm_3d", (2, 3, 7), True, True)):
        params = {}
        if scale:
            params["scale"] = draw(shape[-1])
        if bias:
            params["bias"] = draw(shape[-1])
        case(name, "LayerNorm", layer_norm, {"x": draw(*shape) + 0.5}, params,
             args={"num_features": shape[-1], "epsilon": 1e-6, "use_scale": scale, "use_bias": bias})


def batch_norm(inputs, p, state, training, epsilon=1e-5):
    """Flax: running = 0.99 running + 0.01 batch with the biased variance; PyTorch would store the unbiased one."""
    x = inputs["x"]
    flat = x.reshape(-1, x.shape[-1])
    out = F.batch_norm(flat, state["mean"].clone(), state["var"].clone(), p.get("scale"), p.get("bias"),
                       training=training, eps=epsilon)
    with torch.no_grad():
        batch_mean, batch_var = flat.mean(0), flat.var(0, unbiased=False)
        new = {"mean": 0.99 * state["mean"] + 0.01 * batch_mean, "var": 0.99 * state["var"] + 0.01 * batch_var}
    return out.reshape(x.shape), (new if training else dict(state))


def batch_norm_cases():
    for training in (True, False):
        for name, shape in (("batch_norm", (6, 4)), ("batch_norm_3d", (2, 5, 3))):
            n = shape[-1]
            case(f"{name}_{'train' if training else 'eval'}", "BatchNorm",
                 lambda i, p, s, training=training: batch_norm(i, p, s, training), {"x": draw(*shape) * 2 + 1},
                 {"scale": draw(n), "bias": draw(n)}, {"mean": draw(n), "var": draw(n).abs() + 0.5},
                 args={"num_features": n, "use_running_average": not training, "momentum": 0.99, "epsilon": 1e-5})


def activation_cases():
    half_log = lambda x: torch.logaddexp(x, torch.zeros_like(x))
    mean = lambda x: x.mean(-1, keepdim=True)
    activations = {
        "relu": F.relu, "relu6": F.relu6, "silu": F.silu, "sigmoid": torch.sigmoid, "tanh": torch.tanh,
        "log_sigmoid": F.logsigmoid, "softplus": half_log, "elu": F.elu, "celu": F.celu, "selu": F.selu,
        "leaky_relu": F.leaky_relu, "hard_tanh": F.hardtanh, "hard_sigmoid": F.hardsigmoid, "hard_silu": F.hardswish,
        "soft_sign": F.softsign, "mish": F.mish, "squareplus": lambda x: (x + torch.sqrt(x * x + 4)) / 2,
        "gelu": lambda x: F.gelu(x, approximate="tanh"), "gelu_exact": F.gelu,
    }
    for name, function in activations.items():
        args = {"approximate": name == "gelu"} if name.startswith("gelu") else {}
        layer = name.replace("_exact", "")
        case(name, layer, plain(function), {"x": draw(4, 9, scale=3.0)}, args=args)
        extreme = torch.tensor([-100.0, -50.0, -20.0, -9.0, 9.0, 20.0, 50.0, 100.0], dtype=torch.float64)
        case(f"{name}_extreme", layer, plain(function), {"x": extreme}, args=args, cotangent=torch.ones(8).double())
    case("elu_alpha", "elu", plain(lambda x: F.elu(x, 0.5)), {"x": draw(4, 5, scale=2.0)}, args={"alpha": 0.5})
    case("celu_alpha", "celu", plain(lambda x: F.celu(x, 0.5)), {"x": draw(4, 5, scale=2.0)}, args={"alpha": 0.5})
    for axis in (-1, 0):
        tag = "" if axis == -1 else "_axis0"
        args = {"axis": axis}
        case(f"glu{tag}", "glu", plain(lambda x: F.glu(x, axis)), {"x": draw(4, 6)}, args=args)
        case(f"softmax{tag}", "softmax", plain(lambda x: F.softmax(x, axis)), {"x": draw(5, 7, scale=2.0)}, args=args)
        case(f"log_softmax{tag}", "log_softmax", plain(lambda x: F.log_softmax(x, axis)), {"x": draw(5, 7, scale=2.0)},
             args=args)
        case(f"logsumexp{tag}", "logsumexp", plain(lambda x: torch.logsumexp(x, axis)), {"x": draw(5, 7, scale=2.0)},
             args=args)
    big = torch.tensor([[1000.0, 999.0, -1000.0], [-5000.0, -5000.0, -5001.0]], dtype=torch.float64)
    for name, function in (("softmax", F.softmax), ("log_softmax", F.log_softmax), ("logsumexp", torch.logsumexp)):
        case(f"{name}_extreme", name, plain(lambda x: function(x, -1)), {"x": big.clone()}, args={"axis": -1})
    case("standardize", "standardize", plain(lambda x: (x - mean(x)) / torch.sqrt(mean((x - mean(x)) ** 2) + 1e-5)),
         {"x": draw(4, 8) + 0.5}, args={"axis": -1, "epsilon": 1e-5})


def lora_cases():
    def lora(inputs, p, state):
        base = inputs["x"] @ p["base_module.kernel"] + p["base_module.bias"] if "base_module.kernel" in p else 0
        return inputs["x"] @ p["lora_a"] @ p["lora_b"] + base, {}

    def lora_linear(inputs, p, state):
        return inputs["x"] @ p["kernel"] + p["bias"] + inputs["x"] @ p["lora.lora_a"] @ p["lora.lora_b"], {}

    args = {"in_features": 6, "lora_rank": 2, "out_features": 4}
    case("lora", "LoRA", lora, {"x": draw(5, 6)}, {"lora_a": draw(6, 2), "lora_b": draw(2, 4)}, args=args)
    case("lora_base", "LoRA", lora, {"x": draw(5, 6)},
         {"lora_a": draw(6, 2), "lora_b": draw(2, 4), "base_module.kernel": draw(6, 4), "base_module.bias": draw(4)},
         args=args)
    case("lora_linear", "LoRALinear", lora_linear, {"x": draw(5, 6)},
         {"kernel": draw(6, 4), "bias": draw(4), "lora.lora_a": draw(6, 2), "lora.lora_b": draw(2, 4)}, args=args)


def dropout_cases():
    for rate in (0.5, 0.25):
        mask = torch.tensor(rng.random_sample((4, 8)) < 1 - rate)
        case(f"dropout_{rate}", "Dropout",
             lambda i, p, s: (torch.where(i["mask"], i["x"] / (1 - rate), 0 * i["x"]), {}),
             {"x": draw(4, 8), "mask": mask}, args={"rate": rate})


def mlp_case():
    """The guide's MLP without dropout: linear1, bn, gelu, linear2."""
    def mlp(inputs, p, state):
        h = inputs["x"] @ p["linear1.kernel"] + p["linear1.bias"]
        sub = lambda d, prefix: {k[len(prefix):]: v for k, v in d.items() if k.startswith(prefix)}
        h, new = batch_norm({"x": h}, sub(p, "bn."), sub(state, "bn."), training=True)
        out = F.gelu(h, approximate="tanh") @ p["linear2.kernel"] + p["linear2.bias"]
        return out, {f"bn.{k}": v for k, v in new.items()}

    case("guide_mlp", "MLP", mlp, {"x": draw(7, 3)},
         {"linear1.kernel": draw(3, 6), "linear1.bias": draw(6), "bn.scale": draw(6), "bn.bias": draw(6),
          "linear2.kernel": draw(6, 2), "linear2.bias": draw(2)},
         {"bn.mean": torch.zeros(6).double(), "bn.var": torch.ones(6).double()}, args={"din": 3, "dmid": 6, "dout": 2})


def loss_cases():
    one = torch.tensor(1.0, dtype=torch.float64)
    for reduction in ("none", "mean"):
        tag = "" if reduction == "none" else "_mean"
        args = {"reduction": reduction}
        cotangent = one if reduction == "mean" else None
        case(f"squared_error{tag}", "mse",
             lambda i, p, s: (F.mse_loss(i["predictions"], i["targets"], reduction=reduction), {}),
             {"predictions": draw(6, 3), "targets": draw(6, 3)}, args=args, cotangent=cotangent)
        for kind, logits in (("", draw(6, 5, scale=2.0)), ("_extreme", draw(6, 5, scale=2000.0, grid=1))):
            labels = torch.tensor(rng.randint(0, 5, 6))
            case(f"softmax_cross_entropy{kind}{tag}", "softmax_cross_entropy",
                 lambda i, p, s: (F.cross_entropy(i["logits"], i["labels"], reduction=reduction), {}),
                 {"logits": logits, "labels": labels}, args=args, cotangent=cotangent)
        for kind, scale in (("", 2.0), ("_extreme", 60.0)):
            targets = torch.tensor(rng.randint(0, 2, (6, 2)), dtype=torch.float64)
            case(f"sigmoid_binary_cross_entropy{kind}{tag}", "sigmoid_binary_cross_entropy",
                 lambda i, p, s: (F.binary_cross_entropy_with_logits(*i.values(), reduction=reduction), {}),
                 {"logits": draw(6, 2, scale=scale), "labels": targets}, args=args, differentiate=["logits"],
                 cotangent=cotangent)


# ---- training ----

def sgd(p, g, s, t, lr, momentum=0.0, nesterov=False):
    """The trace gathers unscaled gradients; the learning rate multiplies what comes out."""
    trace = s.get("trace", 0) * momentum + g
    s["trace"] = trace
    return -lr * (g + momentum * trace if nesterov else trace)


def adam(p, g, s, t, lr, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.0):
    s["mu"] = b1 * s.get("mu", 0) + (1 - b1) * g
    s["nu"] = b2 * s.get("nu", 0) + (1 - b2) * g * g
    mu_hat, nu_hat = s["mu"] / (1 - b1 ** t), s["nu"] / (1 - b2 ** t)
    return -lr * (mu_hat / (torch.sqrt(nu_hat) + eps) + weight_decay * p)


def cosine(count, init, steps, alpha=0.0):
    return init * ((1 - alpha) * 0.5 * (1 + math.cos(math.pi * min(count, steps) / steps)) + alpha)


def warmup_cosine(count, init, peak, warmup, steps, end):
    if count < warmup:
        return init + (peak - init) * count / warmup
    return cosine(count - warmup, peak, steps - warmup, end / peak)


def loss_of(p, x, labels):
    hidden = F.gelu(x @ p["linear1.kernel"] + p["linear1.bias"], approximate="tanh")
    return F.cross_entropy(hidden @ p["linear2.kernel"] + p["linear2.bias"], labels)


def train(initial, batches, steps, update, dtype, schedule=None, clip=None, mask=None):
    """Losses before each step, the global gradient norms and the parameters after the last; all updates as in Optax."""
    p = {k: v.detach().to(dtype) for k, v in initial.items()}
    state = {k: {} for k in p}
    losses, norms = [], []
    for t in range(1, steps + 1):
        x, labels = batches[(t - 1) % len(batches)]
        leaves = {k: v.detach().requires_grad_(True) for k, v in p.items()}
        loss = loss_of(leaves, x.to(dtype), labels)
        grads = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values()))))
        norm = torch.sqrt(sum((g * g).sum() for g in grads.values()))
        if clip is not None and norm >= clip:
            grads = {k: g / norm * clip for k, g in grads.items()}
        options = {} if schedule is None else {"lr": schedule(t - 1)}
        for k in p:
            masked = {"weight_decay": 0.0} if mask and not mask(k) else {}
            p[k] = p[k] + update(p[k], grads[k], state[k], t, **options, **masked)
        losses.append(loss.item())
        norms.append(norm.item())
    return losses, norms, p


def check_against_torch(initial, batches, steps, make_optimizer, losses):
    """The hand-written rule and PyTorch's own optimizer give one trajectory, where PyTorch has the same rule."""
    p = {k: v.detach().clone().requires_grad_(True) for k, v in initial.items()}
    optimizer = make_optimizer(list(p.values()))
    for t in range(steps):
        optimizer.zero_grad()
        loss = loss_of(p, *batches[t % len(batches)])
        loss.backward()
        assert abs(loss.item() - losses[t]) < 1e-10 * abs(losses[t]), (t, loss.item(), losses[t])
        optimizer.step()


def training():
    fine = lambda *shape, scale: draw(*shape, scale=scale, grid=16384.0)
    initial = {"linear1.kernel": fine(8, 16, scale=0.35), "linear1.bias": fine(16, scale=0.05),
               "linear2.kernel": fine(16, 4, scale=0.25), "linear2.bias": fine(4, scale=0.05)}
    teacher = draw(8, 4)
    batches = [(x, torch.argmax(x @ teacher, -1)) for x in (draw(12, 8) for _ in range(5))]
    bind = lambda rule, **fixed: lambda p, g, s, t, **options: rule(p, g, s, t, **{**fixed, **options})
    only_kernels = lambda path: path.endswith("kernel")
    optim = torch.optim
    # Name, steps, the optimizer as a config would say it, how to run it, PyTorch's own where it has the same rule.
    runs = [
        ("adam", 50, {"type": "adam", "learning_rate": 1e-2}, dict(update=bind(adam, lr=1e-2)),
         lambda p: optim.Adam(p, lr=1e-2)),
        ("sgd", 10, {"type": "sgd", "learning_rate": 0.1}, dict(update=bind(sgd, lr=0.1)),
         lambda p: optim.SGD(p, lr=0.1)),
        ("sgd_momentum", 10, {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9},
         dict(update=bind(sgd, lr=0.1, momentum=0.9)), lambda p: optim.SGD(p, lr=0.1, momentum=0.9)),
        ("sgd_nesterov", 10, {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
         dict(update=bind(sgd, lr=0.1, momentum=0.9, nesterov=True)),
         lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True)),
        ("adamw", 10, {"type": "adamw", "learning_rate": 1e-2, "weight_decay": 1e-2},
         dict(update=bind(adam, lr=1e-2, weight_decay=1e-2)), lambda p: optim.AdamW(p, lr=1e-2, weight_decay=1e-2)),
        ("adamw_masked", 10, {"type": "adamw", "learning_rate": 1e-2, "weight_decay": 0.5, "mask": "*.kernel"},
         dict(update=bind(adam, lr=1e-2, weight_decay=0.5), mask=only_kernels), None),
        ("sgd_clip", 10, {"type": "sgd", "learning_rate": 0.5, "clip_by_global_norm": 0.7},
         dict(update=bind(sgd, lr=0.5), clip=0.7), None),
        ("adamw_clip", 10, {"type": "adamw", "learning_rate": 1e-2, "weight_decay": 1e-2, "clip_by_global_norm": 0.7},
         dict(update=bind(adam, lr=1e-2, weight_decay=1e-2), clip=0.7), None),
        ("sgd_cosine", 10, {"type": "sgd", "learning_rate": {"type": "cosine", "init_value": 0.5, "decay_steps": 8,
                                                             "alpha": 0.1}},
         dict(update=bind(sgd, lr=None), schedule=lambda c: cosine(c, 0.5, 8, 0.1)), None),
        ("adam_warmup_cosine", 10,
         {"type": "adam", "learning_rate": {"type": "warmup_cosine", "init_value": 0.0, "peak_value": 2e-2,
                                            "warmup_steps": 3, "decay_steps": 9, "end_value": 1e-3}},
         dict(update=bind(adam, lr=None), schedule=lambda c: warmup_cosine(c, 0.0, 2e-2, 3, 9, 1e-3)), None),
    ]
    recorded = []
    for name, steps, optimizer, options, own in runs:
        losses, norms, final = train(initial, batches, steps, dtype=torch.float64, **options)
        single = train(initial, batches, steps, dtype=torch.float32, **options)[0]
        if own:
            check_against_torch(initial, batches, steps, own, losses)
        if "clip" in options:
            assert min(norms) < options["clip"] < max(norms), (name, norms)
        recorded.append({"name": name, "optimizer": optimizer, "steps": steps, "losses": losses, "losses_f32": single,
                         "gradient_norms": norms, "final_params": pack_all(final)})
    return {"about": "An MLP linear2(gelu(linear1(x))), tanh form of gelu, mean softmax cross-entropy. Step t uses batch "
                     "t mod the number of batches; a loss is that before the step's update; float64 unless said.",
            "made_by": "scripts/make_golden_torch.py", "initial_params": pack_all(initial),
            "batches": [{"x": pack(x), "labels": pack(labels)} for x, labels in batches], "runs": recorded}


# ---- a model of two outputs, trained on a weighted sum of losses ----

def two_outputs():
    fine = lambda *shape: draw(*shape, scale=0.4, grid=16384.0)
    params = {"encoder.kernel": fine(6, 5), "encoder.bias": fine(5), "classifier.kernel": fine(5, 3),
              "classifier.bias": fine(3), "decoder.kernel": fine(5, 6), "decoder.bias": fine(6)}
    x, labels = draw(7, 6), torch.tensor([0, 2, 1, 1, 2, 0, 1])
    p = {k: v.clone().requires_grad_(True) for k, v in params.items()}
    optimizer = torch.optim.SGD(list(p.values()), lr=0.5)
    steps = []
    for _ in range(8):
        code = torch.tanh(x @ p["encoder.kernel"] + p["encoder.bias"])
        kind = F.cross_entropy(code @ p["classifier.kernel"] + p["classifier.bias"], labels)
        again = F.mse_loss(code @ p["decoder.kernel"] + p["decoder.bias"], x)
        loss = kind + 0.25 * again
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps.append([loss.item(), kind.item(), again.item()])
    return {"about": "code = tanh(encoder(x)), outputs classifier(code) and decoder(code), loss = cross entropy + 0.25 * mean "
                     "squared error with x; sgd with learning rate 0.5. A step's losses (sum, first, second) are those "
                     "before its update; float64.",
            "made_by": "scripts/make_golden_torch.py", "initial_params": pack_all(params), "x": pack(x),
            "labels": pack(labels), "steps": steps, "final_params": pack_all(p)}


def main():
    torch.set_num_threads(1)
    for section in (linear_cases, layer_norm_cases, batch_norm_cases, activation_cases, lora_cases, dropout_cases,
                    mlp_case, loss_cases):
        section()
    golden_json.write("layers.json", {"about": "Outputs and gradients of layers and losses, float64.",
                                      "made_by": "scripts/make_golden_torch.py", "cases": cases})
    golden_json.write("training.json", training())
    golden_json.write("two_outputs.json", two_outputs())


if __name__ == "__main__":
    main()
