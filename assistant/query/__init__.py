"""What is asked: from the words typed to one value that is made once and carried through."""
