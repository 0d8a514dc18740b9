"""Each custom gradient over its domain, beside autodiff of the naive form."""

NAME = "gradients"
