"""Data fixes of LDAP servers, which have a page of their own."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from console.data_fix_pages.admin_site import ReadOnlyAdmin
from directory.models import LdapServer
from directory.values import server_fields


class LdapServerAdmin(ReadOnlyAdmin):
    """LDAP servers as stored, without password and key; they are changed on the page LDAP servers."""

    list_display = ("name", "enabled", "search_base", "position", "its_page")
    exclude = tuple(server_fields.secrets())
    search_fields = ("name",)

    def its_page(self, obj: LdapServer) -> SafeString:
        """Link to the page that changes the server."""
        return format_html('<a href="{}">{}</a>', reverse("ldap_servers:edit", args=[obj.pk]), _("Change it there"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Put the link above the fields."""
        return ["its_page"]
