"""Answers to text of one kind or another. Pure: values in, strings out."""
