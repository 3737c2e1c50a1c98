"""Topics: which papers belong to one, what themes they fall into, and what they say."""
