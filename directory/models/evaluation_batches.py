"""Batches of entries whose scripts any worker may evaluate."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from directory.models.runs.run import Run
from directory.models.servers.ldap_server import LdapServer


class EvaluationBatch(models.Model):
    """Some entries of a run. The worker that claims them first runs the scripts on them.

    ``entries`` is a JSON list of pairs: a DN, and the attributes as JSON text. ``verdicts`` is empty until the batch is
    evaluated, then a JSON list of pairs: a verdict, and whether it varies. The verdicts have to come from the scripts and
    settings of ``evaluation_fingerprint``. A claim holds until ``claimed_until`` by the database's clock. After that
    another worker may take the batch. ``refused``: a worker could not evaluate it, so only the run's own worker may try.
    """

    id: int
    run = models.ForeignKey(Run, models.CASCADE, related_name="evaluation_batches")
    server = models.ForeignKey(LdapServer, models.CASCADE, related_name="+")
    evaluation_fingerprint = models.CharField(max_length=200)
    entries = models.TextField()
    verdicts = models.TextField(blank=True)
    cpu_seconds = models.FloatField(default=0.0)
    claimed_by = models.CharField(max_length=64, blank=True)
    claimed_until = models.DateTimeField(null=True)
    refused = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("evaluation batch")
        verbose_name_plural = _("evaluation batches")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.pk}"
