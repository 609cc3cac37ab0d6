"""MoMo, API v2: collection by wallet, refunds, and disbursement to wallets and bank accounts."""
