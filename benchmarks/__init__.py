"""What people publish: records, metrics, evaluation, reports."""
