"""Does cited evidence support a sentence? Pure: texts in, a verdict out, no model of language and no network."""

from assistant.verify.verifier import Premise, Verdict, Verifier

__all__ = ["Premise", "Verdict", "Verifier"]
