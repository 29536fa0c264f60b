"""Who is leaving: labels without leaks, models chosen by backtest, and the money at stake."""
