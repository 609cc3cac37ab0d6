"""ISO 20022 messages as a payer needs them: pain.001 out, pain.002 and acmt.024 in. Statements are not read here."""
