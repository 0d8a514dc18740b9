"""What was done: checks, attempts, ratings and kept answers, and the commands that show them."""
