"""The least that django-python3-ldap needs: no groups, no flags, which is less than Rollcall does for each user."""

from __future__ import annotations

import os
from typing import Any

import environ

SECRET_KEY = "of a benchmark"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django_python3_ldap"]
DATABASES = {"default": environ.Env.db_url_config(os.environ["PEER_DATABASE_URL"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

LDAP_AUTH_URL = [os.environ["PEER_LDAP_URL"]]
LDAP_AUTH_SEARCH_BASE = os.environ["PEER_LDAP_BASE"]
LDAP_AUTH_OBJECT_CLASS = "inetOrgPerson"
LDAP_AUTH_USER_FIELDS = {"username": "uid", "first_name": "givenName", "last_name": "sn", "email": "mail"}
LDAP_AUTH_USER_LOOKUP_FIELDS = ("username",)


def department(fields: dict[str, Any]) -> list[str]:
    """Return the filters of a search: those that are usual, and one department, which the directory has indexed."""
    from django_python3_ldap.utils import format_search_filters  # it wants settings that are ready

    usual: list[str] = format_search_filters(fields)
    return [*usual, f"(departmentNumber={os.environ['PEER_DEPARTMENT']})"]


LDAP_AUTH_FORMAT_SEARCH_FILTERS = department
