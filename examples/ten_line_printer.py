"""A badge printer in ten lines of plain kafka-python: `python ten_line_printer.py localhost:9092 FOLDER`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from sys import argv

from kafka import KafkaConsumer, KafkaProducer

one_by_one = {"enable_auto_commit": False, "auto_offset_reset": "earliest", "max_poll_records": 1, "session_timeout_ms": 6000}
queues = ("badge-queue.main", "badge-queue.main.urgent")
jobs = KafkaConsumer(*queues, bootstrap_servers=argv[1], group_id="badge-printers.main", **one_by_one)
reports = KafkaProducer(bootstrap_servers=argv[1])
for record in jobs:
    job, trace = json.loads(record.value), [header for header in record.headers if header[0] == "traceparent"]
    Path(argv[2], f"{job['serial']}.txt").write_text(f"{job['content']['name']}\n{job['credential']}\n", "utf-8")
    report = {each: job[each] for each in ("job_id", "badge_id", "delegate_id")} | {"printer": "ten-lines", "state": "printed"}
    reports.send("badge-status", json.dumps(report | {"at": datetime.now(UTC).isoformat()}).encode(), record.key, trace).get()
    jobs.commit()
