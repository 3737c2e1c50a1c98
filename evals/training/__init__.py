"""How the shipped models were made: embedder, reader and verifier.

Everything but :mod:`evals.training.prepare` and :mod:`evals.training.export` needs only numpy and torch, so that it runs where
a GPU is. The program itself never needs torch.
"""
