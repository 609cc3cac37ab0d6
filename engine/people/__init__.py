"""People: who takes part and who receives, what happened to them, and where they are paid."""
