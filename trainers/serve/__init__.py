"""``star serve``: the reward over HTTP.

`answers` turns the body of a request into that of its answer, `workers` does so in processes of its own, `app` is HTTP.
"""
