"""Social insurance law: dated parameters, pure rules, and decisions that carry their legal grounds."""
