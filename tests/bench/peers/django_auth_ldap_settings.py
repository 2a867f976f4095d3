"""The least that django-auth-ldap needs: no groups, no flags, which is less than Rollcall does for each user."""

from __future__ import annotations

import os

import environ
import ldap
from django_auth_ldap.config import LDAPSearch

SECRET_KEY = "of a benchmark"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
DATABASES = {"default": environ.Env.db_url_config(os.environ["PEER_DATABASE_URL"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

AUTH_LDAP_SERVER_URI = os.environ["PEER_LDAP_URL"]
AUTH_LDAP_USER_SEARCH = LDAPSearch(os.environ["PEER_LDAP_BASE"], ldap.SCOPE_SUBTREE, "(uid=%(user)s)")
AUTH_LDAP_USER_ATTR_MAP = {"first_name": "givenName", "last_name": "sn", "email": "mail"}
