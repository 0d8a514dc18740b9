"""How QUESTIONS.md writes numbers."""


def listed(values, form="g"):
    """Returns "[1, 2]" for an array; no zero is negative."""
    return "[" + ", ".join(f"{value + 0.0:{form}}" for value in values) + "]"


def short_power(value, form):
    """Returns "5e-3" or "3.4e38" where Python writes 5e-03 and 3.4e+38."""
    digits, _, power = f"{value:{form}}".partition("e")
    return f"{digits}e{int(power)}"


def with_minus(value, form):
    """Returns "−0.19", with a true minus sign."""
    return f"{value:{form}}".replace("-", "−")
