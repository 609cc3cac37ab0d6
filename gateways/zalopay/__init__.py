"""ZaloPay, API v2: orders, refunds, and top-up of wallets signed with RSA."""
