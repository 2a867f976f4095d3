"""Scripts that several workers run: the verdicts are those of one worker, whatever becomes of the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from directory.models import EvaluationBatch, LdapServer, Run, RunServer, Trigger
from directory.scripts import server_sandbox
from directory.scripts.distributed import dispatcher, evaluation_batches, remote_worker
from directory.scripts.distributed.dispatcher import EvaluationDispatcher, WorkerPool
from directory.scripts.evaluation_fingerprint import evaluation_fingerprint
from directory.scripts.sandbox.protocol import EntryText
from directory.scripts.sandbox.sandbox import Sandbox
from directory.values.scripts import Verdict
from orgs.rules.actors import SYSTEM
from tests.worlds import NOON, ldap_server

pytestmark = pytest.mark.django_db
# As slow as it takes to be worth another worker.
SLOW = """function (entry) {
    for (var i = 0, x = 0; i < 20000; i++) x = (x + i) % 7;
    if (entry.n % 50 == 7) throw new Error("seven");
    return entry.n % 3 != 0;
}"""
ENTRIES = [EntryText(f"cn={n}", json.dumps({"n": [str(n)]})) for n in range(600)]
PAGES = [ENTRIES[start : start + 50] for start in range(0, len(ENTRIES), 50)]


@pytest.fixture
def server() -> LdapServer:
    return ldap_server(
        "ldap://127.0.0.1:1", active_script=SLOW, org_name_script="function (entry) { return 'Org ' + entry.n % 5 }"
    )


@pytest.fixture
def run(server: LdapServer) -> Run:
    return Run.objects.create(simulated=True, trigger=Trigger.COMMAND, created_at=NOON, started_by_label=str(SYSTEM))


@pytest.fixture
def sandbox(server: LdapServer) -> Iterator[Sandbox]:
    with server_sandbox.sandbox(server) as made:
        yield made


@pytest.fixture
def expected(server: LdapServer) -> list[list[Verdict]]:
    with server_sandbox.sandbox(server) as alone:
        return list(alone.evaluate_pages(PAGES))


def nobody_leaves() -> None:
    return None


def dispatcher_of(
    run: Run, server: LdapServer, sandbox: Sandbox, call: Callable[[int], object], count: int = 1
) -> EvaluationDispatcher:
    def called(page: int) -> None:
        call(page)

    return EvaluationDispatcher(
        sandbox, WorkerPool(lambda: count, called), run.pk, server.pk, evaluation_fingerprint(server), nobody_leaves
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    # On a machine that is quick enough the scripts above would not be worth any help.
    monkeypatch.setattr(dispatcher, "WORTH_HELP", 0.0)
    monkeypatch.setattr(remote_worker, "LINGERS", 0.0)


def test_another_worker_evaluates_some_pages_and_the_verdicts_are_the_same(
    run: Run, server: LdapServer, sandbox: Sandbox, expected: list[list[Verdict]]
) -> None:
    helped: list[int] = []
    made = dispatcher_of(
        run, server, sandbox, lambda page: helped.append(remote_worker.help_with(page, go_on=nobody_leaves))
    )

    assert list(made.evaluate_pages(PAGES)) == expected
    assert sum(helped) > 0
    assert made.cost().entries == len(ENTRIES)
    assert sandbox.cost().entries < len(ENTRIES)
    assert not EvaluationBatch.objects.exists()


def test_the_last_pages_are_shared_as_well_however_few_there_are(
    run: Run, server: LdapServer, sandbox: Sandbox, expected: list[list[Verdict]]
) -> None:
    helped: list[int] = []
    made = dispatcher_of(
        run, server, sandbox, lambda page: helped.append(remote_worker.help_with(page, go_on=nobody_leaves))
    )

    assert list(made.evaluate_pages(PAGES[:10])) == expected[:10]
    assert sum(helped) > 1


def test_a_worker_that_comes_while_a_run_is_under_way_helps_as_well(
    run: Run, server: LdapServer, sandbox: Sandbox, expected: list[list[Verdict]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "COUNTS_EVERY", 0.0)
    counts, helped = iter([0, 0, 0]), list[int]()

    def call(page: int) -> None:
        helped.append(remote_worker.help_with(page, go_on=nobody_leaves))

    made = EvaluationDispatcher(
        sandbox,
        WorkerPool(lambda: next(counts, 1), call),
        run.pk,
        server.pk,
        evaluation_fingerprint(server),
        nobody_leaves,
    )

    assert list(made.evaluate_pages(PAGES)) == expected
    assert sum(helped) > 0


def test_a_bounded_number_of_pages_waits_for_other_workers(
    run: Run, server: LdapServer, sandbox: Sandbox, expected: list[list[Verdict]]
) -> None:
    waiting: list[int] = []
    made = dispatcher_of(run, server, sandbox, lambda _page: waiting.append(EvaluationBatch.objects.count()), count=2)

    assert list(made.evaluate_pages(PAGES)) == expected
    assert 0 < max(waiting) <= 2 * dispatcher.PUBLISHED


def test_each_helper_is_called_once_and_stays(
    run: Run, server: LdapServer, sandbox: Sandbox, expected: list[list[Verdict]]
) -> None:
    called: list[int] = []

    assert list(dispatcher_of(run, server, sandbox, called.append, count=2).evaluate_pages(PAGES)) == expected
    assert len(called) == 2


def test_the_last_pages_are_cut_so_that_all_end_together(
    run: Run, server: LdapServer, sandbox: Sandbox, expected: list[list[Verdict]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "KNOWN_AFTER", 0)
    sizes: list[int] = []

    def call(_page: int) -> None:
        sizes.extend(len(evaluation_batches.entries_of(page)) for page in EvaluationBatch.objects.all())

    assert list(dispatcher_of(run, server, sandbox, call).evaluate_pages([ENTRIES[:100], ENTRIES[100:200]])) == [
        [verdict for page in expected[:2] for verdict in page],
        [verdict for page in expected[2:4] for verdict in page],
    ]
    assert dispatcher.SMALLEST <= min(sizes) < 100


def test_helpers_are_called_at_once_for_scripts_that_were_slow_the_last_time(
    run: Run, server: LdapServer, sandbox: Sandbox, expected: list[list[Verdict]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "WORTH_HELP", 0.2)
    _ran_before(server, entries=1000, seconds=1.0)
    known: list[int] = []

    def call(_page: int) -> None:
        known.append(sandbox.cost().entries)

    assert list(dispatcher_of(run, server, sandbox, call).evaluate_pages(PAGES)) == expected
    assert known[0] == 0


@pytest.mark.parametrize("digest", ["", "of other scripts"])
def test_what_scripts_cost_is_not_known_where_others_ran_the_last_time(server: LdapServer, digest: str) -> None:
    _ran_before(server, entries=1000, seconds=1.0)
    RunServer.objects.update(configuration_digest=digest)

    assert remote_worker.cost_before(server.pk, evaluation_fingerprint(server)).entries == 0


def test_what_scripts_cost_is_that_of_the_last_time_they_ran(server: LdapServer) -> None:
    for entries, seconds in ((1000, 1.0), (500, 1.5), (0, 0.0)):
        _ran_before(server, entries=entries, seconds=seconds)

    assert remote_worker.cost_before(server.pk, evaluation_fingerprint(server)).milliseconds_per_entry == 3.0


def _ran_before(server: LdapServer, *, entries: int, seconds: float) -> None:
    RunServer.objects.create(
        run=Run.objects.create(simulated=True, trigger=Trigger.COMMAND, created_at=NOON, started_by_label=str(SYSTEM)),
        server=server,
        server_name=server.name,
        live=False,
        configuration_digest=server.configuration_digest,
        counts={"scriptEntries": entries, "scriptSeconds": seconds},
    )


def test_quick_scripts_are_run_without_asking_who_could_help(
    run: Run, server: LdapServer, sandbox: Sandbox, expected: list[list[Verdict]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "WORTH_HELP", 1000.0)
    requests: list[None] = []

    def count() -> int:
        requests.append(None)
        return 1

    made = EvaluationDispatcher(
        sandbox, WorkerPool(count), run.pk, server.pk, evaluation_fingerprint(server), nobody_leaves
    )

    assert list(made.evaluate_pages(PAGES)) == expected
    assert not requests


def _nobody_comes(_page: int) -> None:
    return None


def _dies(page: int) -> None:
    evaluation_batches.claim(page, by="lost")
    _long_ago(page)


def _second_one_dies(page: int) -> None:
    _dies(page)
    _dies(page)


def _is_gone(page: int) -> None:
    EvaluationBatch.objects.filter(pk=page).delete()


def _is_set_otherwise(page: int) -> None:
    EvaluationBatch.objects.filter(pk=page).update(evaluation_fingerprint="other")
    remote_worker.help_with(page, go_on=nobody_leaves)


def _can_not(page: int) -> None:
    evaluation_batches.claim(page, by="weak")
    evaluation_batches.refuse(page, by="weak")


def _answers_twice(page: int) -> None:
    for _ in range(2):
        remote_worker.help_with(page, go_on=nobody_leaves)


@pytest.mark.parametrize(
    "happens", [_nobody_comes, _dies, _second_one_dies, _is_gone, _is_set_otherwise, _can_not, _answers_twice]
)
def test_what_nobody_answers_is_answered_by_the_runs_own_worker(
    run: Run,
    server: LdapServer,
    sandbox: Sandbox,
    expected: list[list[Verdict]],
    happens: Callable[[int], None],
) -> None:
    called: list[int] = []

    def call(page: int) -> None:
        called.append(page)
        happens(page)

    assert list(dispatcher_of(run, server, sandbox, call).evaluate_pages(PAGES)) == expected
    assert called


def test_a_page_of_other_settings_is_refused_by_a_helper(run: Run, server: LdapServer) -> None:
    page = evaluation_batches.post(run_id=run.pk, server_id=server.pk, fingerprint="other", entries=PAGES[0])

    assert remote_worker.help_with(page, go_on=nobody_leaves) == 0
    assert EvaluationBatch.objects.get().refused
    assert not evaluation_batches.claim(page, by="another helper")
    assert evaluation_batches.claim(page, by=dispatcher.OWN, refused=True)


def test_a_helper_goes_on_with_further_pages_of_the_same_run(run: Run, server: LdapServer) -> None:
    ids = [
        evaluation_batches.post(
            run_id=run.pk, server_id=server.pk, fingerprint=evaluation_fingerprint(server), entries=page
        )
        for page in PAGES[:3]
    ]

    assert remote_worker.help_with(ids[1], go_on=nobody_leaves) == 3
    assert evaluation_batches.answers(ids).keys() == set(ids)


def test_an_answer_that_comes_too_late_changes_nothing(run: Run, server: LdapServer) -> None:
    page = evaluation_batches.post(run_id=run.pk, server_id=server.pk, fingerprint="", entries=PAGES[0])
    assert evaluation_batches.claim(page, by="slow")
    _long_ago(page)
    assert evaluation_batches.claim(page, by="quick")

    evaluation_batches.answer(page, [Verdict()], cpu_seconds=1, by="slow")

    assert evaluation_batches.answers([page]) == {}
    assert not evaluation_batches.renew(page, by="slow")


def test_what_comes_back_is_what_was_sent(run: Run, server: LdapServer, expected: list[list[Verdict]]) -> None:
    page = evaluation_batches.post(run_id=run.pk, server_id=server.pk, fingerprint="", entries=PAGES[0])
    evaluation_batches.claim(page, by="me")
    assert evaluation_batches.entries_of(EvaluationBatch.objects.get()) == PAGES[0]
    varied = [Verdict(varies=True), Verdict(active=False, varies=True)]

    evaluation_batches.answer(page, [*expected[0], *varied], cpu_seconds=0.5, by="me")

    answer = evaluation_batches.answers([page])[page]
    assert answer.verdicts == [*expected[0], *varied]
    assert [verdict.varies for verdict in answer.verdicts[-2:]] == [True, True]


def _long_ago(page: int) -> None:
    EvaluationBatch.objects.filter(pk=page).update(claimed_until=NOON.replace(year=2020))
