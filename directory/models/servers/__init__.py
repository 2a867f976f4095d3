"""The models of LDAP servers, one module for each subject."""

# A migration imports it from here.
from directory.models.servers.attribute_settings import default_always_lists

__all__ = ["default_always_lists"]
