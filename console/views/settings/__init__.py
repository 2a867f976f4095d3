"""The pages of settings, alerts, status and the audit trail."""
