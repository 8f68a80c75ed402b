"""What becomes of late fire times, of overlaps and of failures: the rules in numbers."""

from datetime import timedelta

import pytest

from nightbook.core import policies
from nightbook.core.policies import Overlap


class TestCatchUp:
    def test_none_latest_and_all_say_how_many_of_the_newest_run(self):
        assert [policies.caught_up(policy, 50) for policy in ("none", "latest", "all")] == [0, 1, 50]


class TestOverlap:
    @pytest.mark.parametrize("policy", ["skip", "queue_one", "queue_all", "cancel_previous", "allow"])
    def test_with_nothing_before_it_every_policy_runs(self, policy):
        assert policies.overlap(policy, running=False, queued=0) is Overlap.RUN

    @pytest.mark.parametrize(
        ("policy", "running", "queued", "expected"),
        [
            ("skip", True, 0, Overlap.SKIP),
            ("skip", False, 1, Overlap.SKIP),
            ("queue_one", True, 0, Overlap.QUEUE),
            ("queue_one", True, 1, Overlap.REPLACE_QUEUED),
            ("queue_one", False, 1, Overlap.REPLACE_QUEUED),
            ("queue_all", True, 7, Overlap.QUEUE),
            ("cancel_previous", True, 0, Overlap.CANCEL_PREVIOUS),
            ("cancel_previous", False, 2, Overlap.CANCEL_PREVIOUS),
            ("allow", True, 7, Overlap.RUN),
        ],
    )
    def test_an_earlier_run_that_is_not_over_is_met_as_the_policy_says(
        self, policy, running, queued, expected
    ):
        assert policies.overlap(policy, running=running, queued=queued) is expected


class TestTheUsersRetries:
    def test_the_wait_doubles_from_one_minute_to_ten(self):
        waits = [policies.retry_after_user("code", used=used, budget=10) for used in range(10)]

        assert [wait.total_seconds() for wait in waits] == [60, 120, 240, 480, *[600] * 6]

    @pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 48), (0.5, 60), (1.0, 72)])
    def test_jitter_moves_the_wait_by_a_fifth_at_most(self, jitter, seconds):
        assert policies.retry_after_user("code", used=0, budget=1, jitter=jitter) == timedelta(
            seconds=seconds
        )

    def test_a_spent_budget_gives_none(self):
        assert policies.retry_after_user("code", used=2, budget=2) is None

    def test_no_budget_is_the_default_of_a_spec_and_gives_none(self):
        assert policies.retry_after_user("kernel_died", used=0, budget=0) is None

    @pytest.mark.parametrize(
        "class_", ["timeout", "out_of_memory", "parameters", "environment", "worker_lost", "storage"]
    )
    def test_other_classes_are_retried_only_when_named(self, class_):
        assert policies.retry_after_user(class_, used=0, budget=5) is None
        assert policies.retry_after_user(class_, used=0, budget=5, retry_on={class_}) == timedelta(seconds=60)


class TestThePlatformsRetries:
    @pytest.mark.parametrize("class_", ["kernel_died", "timeout", "out_of_memory", "storage"])
    def test_before_the_first_cell_it_waits_longer_each_time_and_ends(self, class_):
        waits = [policies.retry_after_platform(class_, begun=False, used=used) for used in range(4)]

        assert waits == [timedelta(seconds=15), timedelta(seconds=60), timedelta(seconds=240), None]

    @pytest.mark.parametrize("class_", ["worker_lost", "platform"])
    def test_a_lost_worker_before_the_first_cell_is_replaced_at_once_three_times(self, class_):
        waits = [policies.retry_after_platform(class_, begun=False, used=used) for used in range(4)]

        assert waits == [timedelta(0)] * 3 + [None]

    def test_a_missing_environment_is_tried_on_another_worker_once(self):
        waits = [policies.retry_after_platform("environment", begun=False, used=used) for used in (0, 1)]

        assert waits == [timedelta(seconds=15), None]

    @pytest.mark.parametrize("class_", ["parameters", "code"])
    def test_what_no_retry_can_mend_is_not_retried(self, class_):
        assert policies.retry_after_platform(class_, begun=False, used=0) is None

    @pytest.mark.parametrize(
        "class_",
        [
            "code",
            "kernel_died",
            "timeout",
            "out_of_memory",
            "worker_lost",
            "platform",
            "storage",
            "environment",
        ],
    )
    def test_after_the_first_cell_user_code_is_never_run_again_by_itself(self, class_):
        assert policies.retry_after_platform(class_, begun=True, used=0) is None

    @pytest.mark.parametrize("class_", ["code", "kernel_died", "timeout", "out_of_memory", "storage"])
    def test_permission_for_worker_loss_covers_no_other_failure(self, class_):
        assert policies.retry_after_platform(class_, begun=True, used=0, retry_on_worker_loss=True) is None

    def test_permission_for_worker_loss_covers_a_lost_worker(self):
        wait = policies.retry_after_platform("worker_lost", begun=True, used=0, retry_on_worker_loss=True)

        assert wait == timedelta(0)


class TestALostWorker:
    @pytest.mark.parametrize(
        ("begun", "permitted", "used", "state"),
        [
            (False, False, 0, "queued"),
            (False, False, 2, "queued"),
            (False, False, 3, "lost"),
            (True, False, 0, "lost"),
            (True, True, 0, "queued"),
            (True, True, 3, "lost"),
        ],
    )
    def test_the_run_is_queued_again_only_where_no_user_code_runs_twice(self, begun, permitted, used, state):
        verdict = policies.verdict_when_lost(begun=begun, retry_on_worker_loss=permitted, platform_used=used)

        assert verdict == state
