"""The commands and documents for operators: backup, doctor, deployment, key rotation, upgrade."""
