"""Custom optimizers against Keras' own, SGD and Adam, on digits and on two surfaces."""

NAME = "optimizers"
