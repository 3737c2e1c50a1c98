"""The question side: question, retrieval, evidence, answer, rendering; and the faces."""
