"""placeholder"""


def print_results(results, console):
    pass
