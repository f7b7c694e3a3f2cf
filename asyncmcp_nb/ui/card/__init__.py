"""One call as a card that moves: progress, questions, messages, the answer, and its buttons."""
