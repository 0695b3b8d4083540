"""Every optimizer's definition once more, in plain Python: floats, lists and `math`, no arrays.

One object updates one number (Muon: one matrix), the way the papers write it. Nothing here
comes from the package under test.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

Matrix = list[list[float]]


@dataclass
class Number:
    """One parameter with its settings, its state and the count of steps."""

    theta: float
    settings: dict[str, Any]
    decays: bool
    state: dict[str, float] = field(default_factory=dict)
    t: int = 0
    step: float = 0.0  # of this step, before a mask
    gradient: float = 0.0

    def get(self, name: str) -> float:
        """State starts at 0."""
        return self.state.get(name, 0.0)


def decayed_gradient(n: Number, g: float) -> float:
    if n.decays or n.settings["decay_biases"]:
        return g + n.settings["weight_decay"] * n.theta
    return g


def shrink(n: Number, eta: float) -> None:
    if n.decays or n.settings["decay_biases"]:
        n.theta = n.theta * (1 - eta * n.settings["weight_decay"])


def decayed(n: Number, g: float, eta: float) -> float:
    """The gradient, after weight decay in either form."""
    if n.settings["decoupled_decay"]:
        shrink(n, eta)
        return g
    return decayed_gradient(n, g)


def sgd(n: Number, g: float, eta: float) -> None:
    g = decayed_gradient(n, g)
    n.theta -= eta * g


def momentum(n: Number, g: float, eta: float) -> None:
    g = decayed_gradient(n, g)
    v = n.settings["momentum"] * n.get("v") + (1 - n.settings["dampening"]) * g
    if n.t == 1:
        v = g
    n.state["v"] = v
    n.theta -= eta * v


def nesterov(n: Number, g: float, eta: float) -> None:
    g = decayed_gradient(n, g)
    mu = n.settings["momentum"]
    v = mu * n.get("v") + g
    n.state["v"] = v
    n.theta -= eta * (g + mu * v)


def adagrad(n: Number, g: float, eta: float) -> None:
    g = decayed_gradient(n, g)
    if n.t == 1:
        n.state["s"] = n.settings["initial_accumulator"]
    n.state["s"] += g**2
    rate = eta / (1 + (n.t - 1) * n.settings["lr_decay"])
    n.theta -= rate * g / (math.sqrt(n.state["s"]) + n.settings["eps"])


def adadelta(n: Number, g: float, eta: float) -> None:
    g = decayed_gradient(n, g)
    rho, eps = n.settings["rho"], n.settings["eps"]
    s = rho * n.get("s") + (1 - rho) * g**2
    delta = g * math.sqrt(n.get("u") + eps) / math.sqrt(s + eps)
    n.state["u"] = rho * n.get("u") + (1 - rho) * delta**2
    n.state["s"] = s
    n.theta -= eta * delta


def rmsprop(n: Number, g: float, eta: float) -> None:
    g = decayed_gradient(n, g)
    rho = n.settings["rho"]
    s = rho * n.get("s") + (1 - rho) * g**2
    n.state["s"] = s
    if n.settings["centered"]:
        mean = rho * n.get("mean") + (1 - rho) * g
        n.state["mean"] = mean
        s = max(s - mean**2, 0.0)  # a variance; below 0 by rounding only
    quotient = g / (math.sqrt(s) + n.settings["eps"])
    n.state["v"] = n.settings["momentum"] * n.get("v") + quotient
    n.theta -= eta * n.state["v"]


def moments(n: Number, g: float) -> tuple[float, float]:
    beta1, beta2 = n.settings["beta1"], n.settings["beta2"]
    n.state["m"] = beta1 * n.get("m") + (1 - beta1) * g
    n.state["v"] = beta2 * n.get("v") + (1 - beta2) * g**2
    return n.state["m"], n.state["v"]


def adam_step(n: Number, g: float, eta: float) -> None:
    m, v = moments(n, g)
    m_hat = m / (1 - n.settings["beta1"] ** n.t)
    v_hat = v / (1 - n.settings["beta2"] ** n.t)
    n.step, n.gradient = eta * m_hat / (math.sqrt(v_hat) + n.settings["eps"]), g


def adam(n: Number, g: float, eta: float) -> None:
    adam_step(n, decayed_gradient(n, g), eta)


def adamw(n: Number, g: float, eta: float) -> None:
    shrink(n, eta)
    (amsgrad_step if n.settings["amsgrad"] else adam_step)(n, g, eta)


def amsgrad(n: Number, g: float, eta: float) -> None:
    amsgrad_step(n, decayed_gradient(n, g), eta)


def amsgrad_step(n: Number, g: float, eta: float) -> None:
    m, v = moments(n, g)
    n.state["largest"] = max(n.get("largest"), v)
    m_hat = m / (1 - n.settings["beta1"] ** n.t)
    v_hat = n.state["largest"] / (1 - n.settings["beta2"] ** n.t)
    n.step, n.gradient = eta * m_hat / (math.sqrt(v_hat) + n.settings["eps"]), g


def adamax(n: Number, g: float, eta: float) -> None:
    g = decayed_gradient(n, g)
    beta1 = n.settings["beta1"]
    m = beta1 * n.get("m") + (1 - beta1) * g
    u = max(n.settings["beta2"] * n.get("u"), abs(g) + n.settings["eps"])
    n.state.update(m=m, u=u)
    n.theta -= eta / (1 - beta1**n.t) * m / u


def nadam(n: Number, g: float, eta: float) -> None:
    g = decayed(n, g, eta)
    m, v = moments(n, g)
    beta1 = n.settings["beta1"]
    now = beta1 * (1 - 0.5 * 0.96 ** (n.settings["momentum_decay"] * n.t))
    following = beta1 * (1 - 0.5 * 0.96 ** (n.settings["momentum_decay"] * (n.t + 1)))
    product = n.state.get("product", 1.0) * now
    n.state["product"] = product
    d = math.sqrt(v / (1 - n.settings["beta2"] ** n.t)) + n.settings["eps"]
    n.step = eta * (1 - now) / (1 - product) * g / d
    n.step += eta * following / (1 - product * following) * m / d
    n.gradient = g


def radam(n: Number, g: float, eta: float) -> None:
    g = decayed(n, g, eta)
    m, v = moments(n, g)
    beta2 = n.settings["beta2"]
    m_hat = m / (1 - n.settings["beta1"] ** n.t)
    limit = 2 / (1 - beta2) - 1
    rho = limit - 2 * n.t * beta2**n.t / (1 - beta2**n.t)
    n.gradient = g
    if rho <= 5:
        n.step = eta * m_hat
        return
    r = math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
    correction = math.sqrt(1 - beta2**n.t)
    n.step = eta * r * m_hat * correction / (math.sqrt(v) + n.settings["eps"])


def lion(n: Number, g: float, eta: float) -> None:
    beta1, beta2 = n.settings["beta1"], n.settings["beta2"]
    mixed = beta1 * n.get("m") + (1 - beta1) * g
    n.step, n.gradient = eta * ((mixed > 0) - (mixed < 0)), g
    n.state["m"] = beta2 * n.get("m") + (1 - beta2) * g
    shrink(n, eta)


def adopt(n: Number, g: float, eta: float) -> None:
    g = decayed_gradient(n, g)
    beta1, beta2 = n.settings["beta1"], n.settings["beta2"]
    if n.t == 1:  # v_0 = g_0², and no step
        n.state["v"] = g**2
        return
    limit = (n.t - 1) ** 0.25
    quotient = g / max(math.sqrt(n.get("v")), n.settings["eps"])
    n.state["m"] = beta1 * n.get("m") + (1 - beta1) * min(max(quotient, -limit), limit)
    n.theta -= eta * n.state["m"]
    n.state["v"] = beta2 * n.get("v") + (1 - beta2) * g**2


def ademamix(n: Number, g: float, eta: float) -> None:
    m, v = moments(n, g)
    beta1, beta3, alpha = n.settings["beta1"], n.settings["beta3"], n.settings["alpha"]
    if n.t < n.settings["alpha_warmup"]:
        alpha *= n.t / n.settings["alpha_warmup"]
    if n.t < n.settings["beta3_warmup"]:
        share = n.t / n.settings["beta3_warmup"]
        if beta1 == 0:
            beta3 = beta3 ** (1 / share)
        else:  # the paper's f_β3
            product = math.log(beta1) * math.log(beta3)
            beta3 = math.exp(product / ((1 - share) * math.log(beta3) + share * math.log(beta1)))
    n.state["slow"] = beta3 * n.get("slow") + (1 - beta3) * g
    m_hat = m / (1 - beta1**n.t)
    v_hat = v / (1 - n.settings["beta2"] ** n.t)
    shrink(n, eta)
    mixed = m_hat + alpha * n.state["slow"]
    n.step, n.gradient = eta * mixed / (math.sqrt(v_hat) + n.settings["eps"]), g


def adabelief(n: Number, g: float, eta: float) -> None:
    beta1, beta2, eps = n.settings["beta1"], n.settings["beta2"], n.settings["eps"]
    m = beta1 * n.get("m") + (1 - beta1) * g
    s = beta2 * n.get("s") + (1 - beta2) * (g - m) ** 2 + eps
    n.state.update(m=m, s=s)
    shrink(n, eta)
    n.theta -= eta * m / (1 - beta1**n.t) / (math.sqrt(s / (1 - beta2**n.t)) + eps)


def adan(n: Number, g: float, eta: float) -> None:
    beta1, beta2, beta3 = (n.settings[name] for name in ("beta1", "beta2", "beta3"))
    difference = g - n.state.get("previous", g)
    m = beta1 * n.get("m") + (1 - beta1) * g
    d = beta2 * n.get("d") + (1 - beta2) * difference
    s = beta3 * n.get("s") + (1 - beta3) * (g + beta2 * difference) ** 2
    n.state.update(m=m, d=d, s=s, previous=g)
    direction = m / (1 - beta1**n.t) + beta2 * d / (1 - beta2**n.t)
    shrink(n, eta)
    n.theta -= eta * direction / (math.sqrt(s / (1 - beta3**n.t)) + n.settings["eps"])


def yogi(n: Number, g: float, eta: float) -> None:
    g = decayed_gradient(n, g)
    beta1, beta2 = n.settings["beta1"], n.settings["beta2"]
    m = beta1 * n.get("m") + (1 - beta1) * g
    v = n.state.get("v", n.settings["initial_accumulator"])
    if v > g**2:
        v -= (1 - beta2) * g**2
    elif v < g**2:
        v += (1 - beta2) * g**2
    n.state.update(m=m, v=v)
    v_hat = v / (1 - beta2**n.t)
    n.theta -= eta * m / (1 - beta1**n.t) / (math.sqrt(v_hat) + n.settings["eps"])


def rprop(n: Number, g: float, eta: float) -> None:
    g = decayed_gradient(n, g)
    sign = (g > 0) - (g < 0)
    step = n.state.get("step", n.settings["lr"])
    agreement = sign * n.get("sign")
    if agreement > 0:
        step *= n.settings["eta_plus"]
    elif agreement < 0:
        step *= n.settings["eta_minus"]
        sign = 0
    step = min(max(step, n.settings["min_step"]), n.settings["max_step"])
    n.state.update(step=step, sign=sign)
    n.theta -= eta / n.settings["lr"] * step * sign  # the schedule's factor


def signum(n: Number, g: float, eta: float) -> None:
    beta = n.settings["beta"]
    m = beta * n.get("m") + (1 - beta) * g
    n.state["m"] = m
    shrink(n, eta)
    n.theta -= eta * ((m > 0) - (m < 0))


def schedule_free_point(n: Number, u: float, eta: float, beta: float) -> None:
    """The points x, y and z as in the paper: n.theta is y."""
    if n.t == 1:
        n.state["x"] = n.state["z"] = n.theta
    if n.settings["warmup_steps"] > 0:
        eta = eta * min(1.0, n.t / n.settings["warmup_steps"])
    n.state["highest"] = max(n.get("highest"), eta)
    w = n.t ** n.settings["weight_power"] * n.state["highest"] ** n.settings["rate_power"]
    n.state["total"] = n.get("total") + w
    c = w / n.state["total"]
    n.state["z"] -= eta * u
    n.state["x"] = (1 - c) * n.state["x"] + c * n.state["z"]
    n.theta = (1 - beta) * n.state["z"] + beta * n.state["x"]


def schedule_free_sgd(n: Number, g: float, eta: float) -> None:
    schedule_free_point(n, decayed_gradient(n, g), eta, n.settings["beta"])


def schedule_free_adamw(n: Number, g: float, eta: float) -> None:
    beta2 = n.settings["beta2"]
    n.state["v"] = beta2 * n.get("v") + (1 - beta2) * g**2
    u = g / (math.sqrt(n.state["v"] / (1 - beta2**n.t)) + n.settings["eps"])
    if n.decays or n.settings["decay_biases"]:
        u += n.settings["weight_decay"] * n.theta
    schedule_free_point(n, u, eta, n.settings["beta1"])


UPDATES: dict[str, Callable[[Number, float, float], None]] = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
    "amsgrad": amsgrad,
    "adamax": adamax,
    "nadam": nadam,
    "radam": radam,
    "adamw": adamw,
    "lion": lion,
    "adopt": adopt,
    "ademamix": ademamix,
    "adabelief": adabelief,
    "adan": adan,
    "yogi": yogi,
    "rprop": rprop,
    "signum": signum,
    "schedule_free_sgd": schedule_free_sgd,
    "schedule_free_adamw": schedule_free_adamw,
}


def move(tensor: list[Number], mask: str | None) -> None:
    """Subtract the steps from the parameters of one tensor."""
    sign = {True: 1, False: -1}
    agree = [n.step * sign[n.gradient > 0] > 0 and n.gradient != 0 for n in tensor]
    share = max(sum(agree) / len(agree), 1e-3)
    for n, agrees in zip(tensor, agree, strict=True):
        if mask == "cautious":
            n.theta -= n.step / share if agrees else 0
        elif mask == "grams":
            n.theta -= abs(n.step) * sign[n.gradient > 0] if n.gradient else 0
        else:
            n.theta -= n.step


def trajectory(
    name: str,
    settings: dict[str, Any],
    start: list[float],
    decays: list[bool],
    gradients: list[list[float]],
    factors: list[float],
) -> list[list[float]]:
    """Parameters after each step."""
    numbers = [Number(theta, settings, d) for theta, d in zip(start, decays, strict=True)]
    result = []
    for row, factor in zip(gradients, factors, strict=True):
        for n, g in zip(numbers, row, strict=True):
            n.t += 1
            n.step = 0.0
            UPDATES[name](n, g, settings["lr"] * factor)
        for _, tensor in groupby(numbers, key=lambda n: n.decays):
            move(list(tensor), settings.get("mask"))
        result.append([n.theta for n in numbers])
    return result


def product(a: Matrix, b: Matrix) -> Matrix:
    columns = transposed(b)
    return [[math.fsum(x * y for x, y in zip(r, c, strict=True)) for c in columns] for r in a]


def transposed(a: Matrix) -> Matrix:
    return [list(row) for row in zip(*a, strict=True)]


def combined(p: float, a: Matrix, q: float, b: Matrix) -> Matrix:
    return [[p * x + q * y for x, y in zip(r, s, strict=True)] for r, s in zip(a, b, strict=True)]


def orthogonalized(u: Matrix, steps: int, coefficients: tuple[float, float, float]) -> Matrix:
    """u/(‖u‖_F + 1e-7) through Newton-Schulz steps, on the short side."""
    a, b, c = coefficients
    length = math.sqrt(math.fsum(x * x for row in u for x in row)) + 1e-7
    x = [[value / length for value in row] for row in u]
    tall = len(x) > len(x[0])
    if tall:
        x = transposed(x)
    for _ in range(steps):
        gram = product(x, transposed(x))
        x = combined(a, x, 1, product(combined(b, gram, c, product(gram, gram)), x))
    return transposed(x) if tall else x


def muon_trajectory(
    settings: dict[str, Any], start: Matrix, gradients: list[Matrix], factors: list[float]
) -> list[Matrix]:
    """A weight matrix (fan_in, fan_out) after each step of Muon."""
    mu, decay = settings["momentum"], settings["weight_decay"]
    theta = start
    m = [[0.0] * len(row) for row in start]
    result = []
    for g, factor in zip(gradients, factors, strict=True):
        eta = settings["lr"] * factor
        m = combined(mu, m, 1 - mu, g)
        step = orthogonalized(
            combined(1 - mu, g, mu, m) if settings["nesterov"] else m,
            settings["ns_steps"],
            settings["ns_coefficients"],
        )
        stretch = math.sqrt(max(1.0, len(start[0]) / len(start)))
        if settings["adjust_lr"] == "match_rms_adamw":
            stretch = 0.2 * math.sqrt(max(len(start), len(start[0])))
        theta = combined(1 - eta * decay, theta, -eta * stretch, step)
        result.append(theta)
    return result
