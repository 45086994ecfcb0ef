"""What is done at night, by the clock on the wall and not by the flows' own pace.

Today that is one job: empty the write-ahead log into the database, so that a day's peak does not stay on the disk and
backups of the folder are small. Forgetting finished records has its own hourly pace (flows/upkeep.py), for a machine
that is off at night must forget, too. APScheduler is imported when the calendar starts and not before; a job that was
missed because the machine slept is made up for within `LATE_AT_MOST`, and runs never overlap.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import time, timedelta, tzinfo
from functools import partial

import anyio

from daemon.errors import StoreError

log = logging.getLogger("daemon.calendar")

LATE_AT_MOST = timedelta(hours=6)
CHECKPOINT_AT = time(2, 40)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do once a day at a local time."""

    name: str
    at: time
    work: Callable[[], Awaitable[object]]


async def keep(jobs: list[Job], zone: tzinfo | None = None) -> None:
    """Run the jobs at their times until cancelled; `zone` None is the machine's own."""
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    scheduler = AsyncIOScheduler(
        job_defaults={
            "coalesce": True,
            "max_instances": 1,
            "misfire_grace_time": LATE_AT_MOST // timedelta(seconds=1),
        },
        **({"timezone": zone} if zone is not None else {}),
    )
    for job in jobs:
        scheduler.add_job(
            partial(perform, job),
            "cron",
            hour=job.at.hour,
            minute=job.at.minute,
            second=job.at.second,
            id=job.name,
            name=job.name,
        )
    scheduler.start()
    try:
        await anyio.sleep_forever()
    finally:
        scheduler.shutdown(wait=False)


async def perform(job: Job) -> bool:
    """Do one job; a failure is logged and waits for the next night."""
    try:
        await job.work()
    except StoreError as error:
        log.error("the nightly %s failed: %s", job.name, error)
    except Exception:
        log.exception("the nightly %s broke", job.name)
    else:
        log.info("the nightly %s is done", job.name)
        return True
    return False
