def subscribe(bench):
    return []
