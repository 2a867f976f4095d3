"""Gives tables and columns the names of docs/glossary.md. No row is changed."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# Tables before and after. Their indexes, constraints and sequences have names that begin with the table's.
TABLES = {"directory_scriptpage": "directory_evaluationbatch", "directory_standing": "directory_cacheddecision"}
BACK = {new: old for old, new in TABLES.items()}

OF_POSTGRESQL = """
SELECT 'ALTER TABLE {table} RENAME CONSTRAINT %I TO %I', conname::text
FROM pg_constraint WHERE conrelid = '{table}'::regclass AND conname LIKE '{prefix}'
UNION ALL
SELECT 'ALTER INDEX %I RENAME TO %I', indexname::text FROM pg_indexes
WHERE tablename = '{table}' AND indexname LIKE '{prefix}'
AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass)
"""
OF_SQLITE = "SELECT sql, name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = '{table}'"


def _rename(editor: BaseDatabaseSchemaEditor, tables: dict[str, str]) -> None:
    """Let indexes, constraints and sequences begin with the names that the tables have by now."""
    quote, postgresql = editor.quote_name, editor.connection.vendor == "postgresql"
    for old, new in tables.items():
        with editor.connection.cursor() as cursor:
            cursor.execute((OF_POSTGRESQL if postgresql else OF_SQLITE).format(table=new, prefix=f"{old}%"))
            found = [(sql, name) for sql, name in cursor.fetchall() if name.startswith(old)]
        for sql, name in found:
            other = name.replace(old, new, 1)
            if postgresql:
                editor.execute(sql.replace("%I", quote(name), 1).replace("%I", quote(other), 1))
            else:
                editor.execute(f"DROP INDEX {quote(name)}")
                editor.execute(sql.replace(quote(name), quote(other), 1))
        if postgresql:
            editor.execute(f"ALTER SEQUENCE IF EXISTS {quote(f'{old}_id_seq')} RENAME TO {quote(f'{new}_id_seq')}")


def rename(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Give them the new names."""
    _rename(editor, TABLES)


def rename_back(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Give them the old names."""
    _rename(editor, BACK)


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0001_squashed_0034"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # Undone in the opposite order: last, when the tables have their old names again.
        migrations.RunPython(migrations.RunPython.noop, rename_back),
        migrations.RenameModel("ScriptPage", "EvaluationBatch"),
        migrations.RenameModel("Standing", "CachedDecision"),
        migrations.RunPython(rename, migrations.RunPython.noop),
        migrations.RenameField("EvaluationBatch", "made", "evaluation_fingerprint"),
        migrations.RenameField("CachedDecision", "house", "context_hash"),
        migrations.RenameField("Heartbeat", "heard_at", "last_beat_at"),
        migrations.RenameField("RunChange", "traces", "side_effects"),
        migrations.RenameField("RunServer", "asked_digest", "org_lists_digest"),
        migrations.RenameField("RunServer", "canary_seen", "canary_found"),
        migrations.RenameField("RunServer", "extent", "read_scope"),
        migrations.RenameField("RunServer", "ground", "match_fingerprint"),
        migrations.RenameField("RunServer", "position", "cursor"),
        migrations.RenameField("StoredEntry", "contested", "ambiguous"),
        # What follows changes nothing in the database.
        migrations.AlterModelOptions(
            "evaluationbatch",
            {"ordering": ["pk"], "verbose_name": "evaluation batch", "verbose_name_plural": "evaluation batches"},
        ),
        migrations.AlterModelOptions(
            "cacheddecision", {"verbose_name": "cached decision", "verbose_name_plural": "cached decisions"}
        ),
        migrations.AlterModelOptions(
            "heartbeat",
            {"ordering": ["-last_beat_at", "-pk"], "verbose_name": "heartbeat", "verbose_name_plural": "heartbeats"},
        ),
        migrations.AlterField(
            "evaluationbatch",
            "run",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="evaluation_batches", to="directory.run"
            ),
        ),
        migrations.AlterField(
            "cacheddecision",
            "user",
            models.OneToOneField(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                primary_key=True,
                related_name="cached_decision",
                serialize=False,
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
