"""Nightbook behind the front end of jupyter-scheduler: its form and lists, our schedules and runs.

Needs jupyter-scheduler, and these lines in a configuration of jupyter-server:

    c.SchedulerApp.scheduler_class = "nightbook_lab.compat.scheduler.NightbookScheduler"
    c.SchedulerApp.environment_manager_class = "nightbook_lab.compat.environments.NightbookEnvironments"
    c.SchedulerApp.job_files_manager_class = "nightbook_lab.compat.files.NightbookFiles"

`shapes` puts its shapes into ours and back, `scheduler` asks the server, `migrate` moves what it stored.
"""
