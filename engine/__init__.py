"""Social insurance on top of the ledger, the gateways and reconciliation: awards, payments, contributions."""
