"""Say what making the image would take, then make it with `--build`. The public API, nothing else."""

import sys
from pathlib import Path

from stagemake import StageManager, Verdict

STAGES = ["opencore.gather", "opencore.edit", "opencore.assemble", "opencore.compile"]


def main() -> int:
    """Print the summary; return an exit status."""
    with StageManager(Path(__file__).parent) as manager:
        manager.load("Stagefile")
        report = manager.dry_run_pipeline(STAGES)
        for step, stage in zip(report.plan.steps, report.plan.pipeline.stages, strict=True):
            print(f"{step.verdict.value:6} {stage.name}: {stage.description}")
        print("Dry run summary:")
        print(f"Total operations: {report.total_operations()}")
        print(f"Estimated disk usage: {report.estimated_disk_usage()}")
        seconds = report.estimated_duration().p50
        print(f"Estimated duration: {'unknown' if report.unestimated else f'{seconds:.1f} s'}")
        print(f"Potential conflicts: {len(report.potential_conflicts())}")
        if "--build" in sys.argv[1:]:
            outcome = manager.execute_pipeline(STAGES)
            done = sum(step.verdict is not Verdict.FRESH for step in report.plan.steps)
            print(f"{'made' if outcome.ok else 'failed'}, {done} stages had work to do")
            return 0 if outcome.ok else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
