"""All in one: a model of custom clip, focal loss and momentum, against its standard twin."""

NAME = "all"
