"""Makes archive-v1.db, an archive of schema version 1 with one run, kept so that old archives still open:

    python make_archive_v1.py

Written with Python's sqlite3 and the schema's first script alone, never through the code under test.
"""

import hashlib
import json
import pathlib
import sqlite3
import struct

HERE = pathlib.Path(__file__).parent
SCHEMA = HERE.parents[2] / "meta-data/archive/migrations/sqlite/0001_runs.sql"
PATH = HERE / "archive-v1.db"
# SHA-256 of the space's canonical form, as the model gives it.
SPACE = {"name": "sample", "parameter": [{"name": "x", "type": "float", "low": 0.0, "high": 1.0, "log": False}]}
SPACE_HASH = hashlib.sha256(json.dumps({**SPACE, "name": ""}, separators=(",", ":")).encode()).hexdigest()


def numbers(*values):
    return struct.pack(f"<{len(values)}d", *values)


PATH.unlink(missing_ok=True)
db = sqlite3.connect(PATH)
db.executescript(SCHEMA.read_text())
db.execute(f"PRAGMA application_id = {0x484C4152}")
db.execute("PRAGMA user_version = 1")
db.execute("INSERT INTO task VALUES (1, 'iris', 'Iris', 'abc', 'classification', 'species', 'accuracy')")
db.execute("INSERT INTO space VALUES (1, ?, 1, ?)", (SPACE_HASH, json.dumps(SPACE)))
configuration = json.dumps({"seed": 3})
run = bytes.fromhex("01890a5d ac96 774b bcce b302099a8057")
objectives = json.dumps([{"name": "accuracy", "direction": "maximise"}])
db.execute(
    "INSERT INTO run VALUES (1, ?, 1, 1, 'first', ?, '[]', ?, ?, 3, '{}', '', NULL, NULL, NULL, 1, 4, 2, 1700000000000)",
    (run, objectives, configuration, hashlib.sha256(configuration.encode()).hexdigest()),
)
for number, (x, accuracy) in enumerate([(0.25, 0.5), (0.75, 0.875)]):
    db.execute(
        "INSERT INTO trial VALUES (1, ?, ?, ?, ?, NULL, NULL, ?, 1, NULL, 2, 1, NULL, NULL, ?, 1.5, 2.5, NULL, ?)",
        (number, 2 * number, numbers(x), numbers(), number, numbers(-accuracy), 2 * number + 1),
    )
    db.execute("INSERT INTO attempt VALUES (1, ?, 1, NULL, 2, 1700000000000, 1700000001000, NULL, NULL)", (number,))
db.commit()
db.execute("PRAGMA journal_mode = WAL")
db.execute("VACUUM")
db.close()
