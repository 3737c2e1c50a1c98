"""From ranked entries to an answer: evidence, quotes, a model's sentences checked against them, and the text a reader sees."""
