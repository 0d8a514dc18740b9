"""Custom against standard, in pictures: the compare command.

Four rooms of one shape, which `comparison` defines; to see one is to know where things are
in all. Read from the top:

    stages      who takes part, and which runs there are, stage by stage
    runs        what a child process computes for one run
    findings    what came of all runs, and what is read off it
    report      the tables and sentences
    pictures    the pictures

A fifth, `cost`, has nothing to train or to draw, and a shape of its own.

The parent process plans, stores and draws; it never imports TensorFlow. The modules `runs`,
those that they import, and `training` are imported by its child processes only.
"""

NAMES = ("optimizers", "losses", "gradients", "all")
