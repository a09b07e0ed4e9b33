"""Can a model learn a new entity from its definition? The two sets of Onoe et al. (ACL 2023), method by method.

`datasets.onoe` reads them, `readable` keeps what fits the model, `asking` tells a method of `methods.TOLD` the
definitions and asks the probes, `measures` scores the masked spans, `rows` makes rows of the scores; `run` does it all
in order, and `report.definitions` draws them.
"""
