"""Custom against standard, in pictures: the compare command.

The parent process plans, stores and draws; it never imports TensorFlow. Modules that end
in `_runs`, and `training`, are imported by its child processes, and compute the numbers.
"""

NAMES = ("optimizers", "losses", "gradients", "all")
