"""Run-ahead."""
