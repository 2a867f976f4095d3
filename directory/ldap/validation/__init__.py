"""Checks addresses, DNs, filters and connection settings before they are used."""
