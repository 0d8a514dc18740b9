"""Cross-entropy, weighted cross-entropy and focal loss on digits with a long tail."""

NAME = "losses"
