"""From a plan to its forecast: how long, how much, along which path, and what other `-j` would give.

How the time comes about: each stage's duration is that of `model.fit`, the tool's own part that of `model.pace`;
`simulate` goes through the plan as the scheduler would, under several circumstances; median and ninth decile of
these are the forecast.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from stagemake.model.pace import Pace
from stagemake.model.plan import UNKNOWN, Source, Verdict
from stagemake.model.valued import Valued
from stagemake.plan.agenda import Limits
from stagemake.plan.chain import critical_path
from stagemake.plan.chance import chances
from stagemake.plan.crowd import processor_count
from stagemake.plan.draws import MANY_STAGES, draws, interval_of
from stagemake.plan.simulate import Course, expected_s, tool_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagemake.model.hindsight import Hindsight
    from stagemake.model.plan import Chance, Interval, Plan, Step
    from stagemake.model.report import DryRunReport

_MOST_JOBS = 64
_WORTH = 0.03  # of the wall time: what is less is no saving
_PLENTY_BYTES = 1 << 50


@frozen(eq=False, repr=False)
class Circumstances(Valued):
    """What a build of the plan would find, besides the plan."""

    pools: Mapping[str, int] = field(factory=dict)
    memory_bytes: int = _PLENTY_BYTES
    pace: Pace = field(factory=Pace)
    tail: tuple[float, float] = (0.0, 0.0)  # see `draws`
    processors: int = field(factory=processor_count)
    outside_s: float = 0.0  # what passes before the build proper
    hindsight: Hindsight | None = None  # what past forecasts were worth; None: they were right


def report_of(plan: Plan, jobs: int, circumstances: Circumstances | None = None) -> DryRunReport:
    """Return a plan with its costs, from the estimates in its steps; without disks and conflicts.

    Cost: some 5 µs for each stage that isn't fresh and each of up to `DRAWS` draws and 3 other `-j`.
    """
    from stagemake.model.report import DryRunReport  # noqa: PLC0415 - gate, 7 ms, not for builds

    around = circumstances or Circumstances()
    plan, opaque = _without_opaque(plan)
    busy = [step for step in plan.steps if step.verdict is not Verdict.FRESH]
    running = [step for step in busy if step.verdict is not Verdict.HIT]
    odds = chances(plan)
    likely_s = expected_s(plan, odds)
    unknown = sum(1 for step in running if step.estimate.duration_s is None)
    shares = [odds[s.stage_id].runs_p if s.stage_id in odds else 1.0 for s in running]
    report = DryRunReport(
        plan=plan,
        jobs=jobs,
        new_bytes=round(_sum(shares, [step.estimate.new_bytes for step in running])),
        write_bytes=round(_sum(shares, [step.estimate.output_bytes for step in running])),
        restore_bytes=sum(s.cached.output_bytes for s in busy if s.cached is not None),
        work_s=sum(likely_s),
        wall_s=None,
        critical_path=(),
        critical_path_s=0.0,
        unestimated=unknown - len(opaque),
        opaque=opaque,
        chances=odds,
        by_kind=sum(1 for step in running if step.estimate.source is Source.KIND),
    )
    report = _with_unknown_amounts(report, [s for s in running if s.stage_id not in opaque])
    return _with_times(report, around, likely_s, is_known=not running or unknown < len(busy))


def _with_unknown_amounts(report: DryRunReport, running: Sequence[Step]) -> DryRunReport:
    """Return the report with what is not known of its amounts; `running` are the foreseeable misses and maybes."""
    stages = report.plan.pipeline.stages
    writing = [step for step in running if stages[step.stage_id].outputs]
    storing = [step for step in running if stages[step.stage_id].cache]
    unsized = sum(1 for step in writing if step.estimate.output_bytes is None)
    ungrown = sum(1 for step in storing if step.estimate.source is Source.NONE)
    return evolve(
        report,
        unsized=unsized,
        knows_writes=not unsized or unsized < len(writing),
        knows_growth=not ungrown or ungrown < len(storing),
    )


def wall_forecast(plan: Plan, jobs: int, around: Circumstances) -> Interval | None:
    """Return the `wall_s` of `report_of` without hindsight; None if the cost of any stage that may run is unknown.

    Cost: as `report_of` without other `-j`.
    """
    stages = plan.pipeline.stages
    for step in plan.steps:
        if step.may_run:
            is_foreseen = stages[step.stage_id].supports_dry_run
            if step.estimate.duration_s is None or not is_foreseen:
                return None
    return _Rounds.of(plan, _course(plan, jobs, around), chances(plan), around).wall_s


def _course(plan: Plan, jobs: int, around: Circumstances) -> Course:
    pools = {stage.pool: _MOST_JOBS for stage in plan.pipeline.stages if stage.pool}
    limits = Limits(jobs, around.memory_bytes, {**pools, **around.pools})
    return Course.of(plan, limits, tool_of(plan, around.pace), around.processors)


@frozen
class _Rounds:
    """A plan gone through several times."""

    columns: Sequence[Sequence[float]]  # the draws
    walls: Sequence[float]  # what each of them took
    overhead_s: float  # what the tool takes before and after
    wall_s: Interval

    @classmethod
    def of(
        cls, plan: Plan, course: Course, odds: Mapping[int, Chance], around: Circumstances
    ) -> _Rounds:
        """Go through a plan under several circumstances."""
        columns = draws(plan, odds, around.pace.load_sigma, around.tail)
        if any(step.may_run for step in plan.steps):
            walls = [course.wall_s(column) for column in columns]
        else:  # what is restored takes as long in all of them
            walls = [course.wall_s(columns[0])] * len(columns)
        busy = [step.verdict for step in plan.steps if step.verdict is not Verdict.FRESH]
        overhead_s = 0.0
        if busy:
            most = sum(1 for verdict in busy if verdict is not Verdict.HIT)
            overhead_s = around.pace.before_s(len(plan.steps) + plan.pipeline.left_out, len(busy))
            overhead_s += around.pace.after_s(most) + around.outside_s
        wall_s = interval_of(walls, overhead_s, around.pace.around_sigma)
        return cls(columns, walls, overhead_s, wall_s)

    def bytes_written(self, plan: Plan) -> tuple[int, int]:
        """Return what is written: the median, so that it is what a build can come to, and the ninth decile."""
        sure, maybes = 0, []
        for step in plan.steps:
            if step.verdict is Verdict.MISS:
                sure += step.estimate.output_bytes or 0
            elif step.verdict is Verdict.MAYBE:
                maybes.append((step.stage_id, step.estimate.output_bytes or 0))
        sums = [
            sum(size for stage_id, size in maybes if column[stage_id] >= 0)
            for column in self.columns
        ]
        sums.sort()
        return sure + sums[len(sums) // 2], sure + sums[len(sums) * 9 // 10]

    @property
    def middle(self) -> int:
        """Which of them took as long as half of them at least."""
        return sorted(range(len(self.walls)), key=self.walls.__getitem__)[len(self.walls) // 2]


def _with_times(
    report: DryRunReport, around: Circumstances, likely_s: Sequence[float], *, is_known: bool
) -> DryRunReport:
    """Return the report with wall time, longest chain and what other `-j` would give."""
    if not is_known:
        return report  # nothing of it has ever run
    plan = report.plan
    course = _course(plan, report.jobs, around)
    along_s = [
        course.tool.idle_s[i] if step.verdict is Verdict.HIT else likely_s[i]
        for i, step in enumerate(plan.steps)
    ]
    path, path_s = critical_path(plan.pipeline.upstream, along_s)
    report = evolve(report, critical_path=path, critical_path_s=path_s)
    rounds = _Rounds.of(plan, course, report.chances, around)
    wall_s = rounds.wall_s
    if around.hindsight is not None:
        wall_s = around.hindsight.corrected(wall_s)
    report = evolve(report, wall_s=wall_s)
    if not report.runs[1]:
        return report
    if report.chances:
        written, most = rounds.bytes_written(plan)
        report = evolve(report, write_bytes=written, write_p90_bytes=most)
    middle = rounds.middle
    action_s, middle_s = rounds.columns[middle], rounds.walls[middle]
    others = _other_jobs(
        course, action_s, middle_s, path_s, _fed(plan, action_s, around.processors)
    )
    return evolve(
        report, other_jobs=tuple((count, seconds + rounds.overhead_s) for count, seconds in others)
    )


def _without_opaque(plan: Plan) -> tuple[Plan, tuple[int, ...]]:
    """Return the plan without estimates of what can't be foreseen, and the ids of that."""
    stages = plan.pipeline.stages
    opaque = tuple(
        step.stage_id
        for step in plan.steps
        if step.may_run and not stages[step.stage_id].supports_dry_run
    )
    if not opaque:
        return plan, ()
    steps = [evolve(s, estimate=UNKNOWN) if s.stage_id in opaque else s for s in plan.steps]
    return evolve(plan, steps=tuple(steps)), opaque


def _sum(shares: Sequence[float], amounts: Sequence[int | None]) -> float:
    return sum(share * (amount or 0) for share, amount in zip(shares, amounts, strict=True))


def _fed(plan: Plan, action_s: Sequence[float], processors: int) -> int:
    """Return how many jobs the processors can feed, by what share of their time stages compute."""
    run = [(step.estimate, action_s[step.stage_id]) for step in plan.steps]
    total_s = sum(seconds / past.stretch for past, seconds in run if seconds > 0)
    cpu_s = sum(past.cpu_share * seconds for past, seconds in run if seconds > 0)
    return min(ceil(processors * total_s / cpu_s), _MOST_JOBS) if cpu_s else _MOST_JOBS


def _other_jobs(
    course: Course, action_s: Sequence[float], now_s: float, path_s: float, fed: int
) -> list[tuple[int, float]]:
    """Return the seconds of one draw with 1, 2, 4… jobs and as many as given, as far as more help.

    Args:
        course: The plan and its limits.
        action_s: The draw.
        now_s: Its seconds with the given jobs.
        path_s: The longest chain.
        fed: More jobs than this are left out.
    """
    jobs = course.limits.jobs
    most = max(fed, jobs)
    wanted = sorted({count for count in (1, 2, 4, 8, 16, 32, 64) if count <= most} | {jobs, most})
    if sum(1 for seconds in action_s if seconds > 0) > MANY_STAGES:
        wanted = [jobs, min(2 * jobs, most)]  # one more look is all that is cheap
    found: dict[int, float] = {}
    for count in wanted:
        found[count] = now_s if count == jobs else course.wall_s(action_s, count)
        before_s = list(found.values())[-2] if count > jobs else now_s
        if count > jobs and before_s - found[count] < _WORTH * before_s:
            break
        if count >= jobs and found[count] <= path_s * (1 + _WORTH):
            break  # no shorter than its longest chain
    return list(found.items())
