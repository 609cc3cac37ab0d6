"""VNPAY 2.1.0: payment addresses, notifications, queries and refunds. No public payout exists: collection only."""
