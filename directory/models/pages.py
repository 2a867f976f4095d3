"""Parts of a run that any worker may do."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from directory.models.runs.run import Run
from directory.models.servers.ldap_server import LdapServer


class ScriptPage(models.Model):
    """Some entries of a run about which the scripts are to be asked, by whichever worker claims them first.

    ``entries`` is a JSON list of pairs: a DN, and the attributes as JSON text. ``verdicts`` is the answer, empty until
    there is one: a JSON list of pairs of a verdict and whether it varies. ``made`` names the scripts and settings that
    it is to be the answer of. A claim holds until ``claimed_until`` by the database's clock; whoever finds that this has
    passed may take the page over. ``refused`` says that a worker could not answer, so that only the run's own one may try.
    """

    id: int
    run = models.ForeignKey(Run, models.CASCADE, related_name="script_pages")
    server = models.ForeignKey(LdapServer, models.CASCADE, related_name="+")
    made = models.CharField(max_length=200)
    entries = models.TextField()
    verdicts = models.TextField(blank=True)
    cpu_seconds = models.FloatField(default=0.0)
    claimed_by = models.CharField(max_length=64, blank=True)
    claimed_until = models.DateTimeField(null=True)
    refused = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("script page")
        verbose_name_plural = _("script pages")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.pk}"
