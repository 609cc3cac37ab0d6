"""Workers: the relay that offers outbox messages, and the actors that do their work, in one process or in many."""
