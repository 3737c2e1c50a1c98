"""Prompt templates, one Markdown file each. Answers without a model use none."""
