"""What search finds for a question, in order: candidates, a reader's opinion of the best of them, and one score of both."""
