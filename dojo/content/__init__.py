"""What there is to learn: katas, their stubs, and the spoken questions."""
