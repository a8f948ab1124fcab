-- What an archive is about: tasks, spaces, runs and their trials.
--
-- Numbers that belong together (a configuration, the objectives of a trial) are one blob of little-endian f64.
-- Times are milliseconds since 1970. Codes of states and failures are fixed for ever in `record.rs` and the model.

CREATE TABLE task (
    id          INTEGER PRIMARY KEY,
    key         TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    kind        TEXT NOT NULL,
    target      TEXT NOT NULL,
    metric      TEXT NOT NULL
) STRICT;

-- A description of a task by numbers, once for each version of what computes them.
CREATE TABLE meta_features (
    task         INTEGER NOT NULL REFERENCES task (id),
    version      TEXT NOT NULL,
    features     TEXT NOT NULL, -- JSON: name -> number
    cost_seconds TEXT NOT NULL, -- JSON: name -> seconds
    PRIMARY KEY (task, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE space (
    id           INTEGER PRIMARY KEY,
    hash         TEXT NOT NULL UNIQUE,
    n_parameters INTEGER NOT NULL,
    spec         TEXT NOT NULL -- JSON
) STRICT;

CREATE TABLE run (
    id                 INTEGER PRIMARY KEY,
    uuid               BLOB NOT NULL UNIQUE,
    task               INTEGER NOT NULL REFERENCES task (id),
    space              INTEGER NOT NULL REFERENCES space (id),
    name               TEXT NOT NULL,
    objectives         TEXT NOT NULL, -- JSON
    fidelities         TEXT NOT NULL, -- JSON
    configuration      TEXT NOT NULL, -- JSON: the checked run file
    configuration_hash TEXT NOT NULL, -- SHA-256 of it
    seed               INTEGER NOT NULL,
    versions           TEXT NOT NULL, -- JSON: program or library -> version
    plugin_lock        TEXT NOT NULL,
    parent             BLOB,
    source             TEXT,
    licence            TEXT,
    state              INTEGER NOT NULL,
    steps              INTEGER NOT NULL, -- calls of the strategy so far
    n_trials           INTEGER NOT NULL,
    ended              INTEGER
) STRICT;
CREATE INDEX run_by_task ON run (task, space);

CREATE TABLE trial (
    run           INTEGER NOT NULL REFERENCES run (id),
    number        INTEGER NOT NULL,
    proposed      INTEGER NOT NULL, -- at which step of the run
    configuration BLOB NOT NULL,
    fidelity      BLOB NOT NULL,
    parent        INTEGER,
    continues     INTEGER,
    ask           INTEGER, -- null: the warm start proposed it
    ask_size      INTEGER,
    scores        TEXT,    -- JSON: [[proxy, score], ...]
    state         INTEGER NOT NULL,
    attempt       INTEGER NOT NULL, -- the newest; reports of an older one are refused
    failure       INTEGER,
    message       TEXT,
    objectives    BLOB,
    cost_seconds  REAL,
    wall_seconds  REAL,
    metrics       TEXT,    -- JSON: name -> number
    told          INTEGER, -- at which step of the run
    PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

-- One try at a trial. A lease that is not renewed in time expires, and the trial may be taken over.
CREATE TABLE attempt (
    run      INTEGER NOT NULL,
    trial    INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    worker   TEXT,
    state    INTEGER NOT NULL,
    started  INTEGER NOT NULL,
    ended    INTEGER,
    lease_ms INTEGER, -- null: held by the run's own process
    expires  INTEGER,
    PRIMARY KEY (run, trial, number),
    FOREIGN KEY (run, trial) REFERENCES trial (run, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_by_expiry ON attempt (run, expires) WHERE expires IS NOT NULL;

-- The curve of a running trial, point by point; packed into `curve` when the trial ends.
CREATE TABLE point (
    run          INTEGER NOT NULL,
    trial        INTEGER NOT NULL,
    attempt      INTEGER NOT NULL,
    number       INTEGER NOT NULL,
    step         REAL,
    cost_seconds REAL,
    objectives   BLOB NOT NULL,
    PRIMARY KEY (run, trial, attempt, number),
    FOREIGN KEY (run, trial) REFERENCES trial (run, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE curve (
    run    INTEGER NOT NULL,
    trial  INTEGER NOT NULL,
    points BLOB NOT NULL, -- packed columns
    PRIMARY KEY (run, trial),
    FOREIGN KEY (run, trial) REFERENCES trial (run, number)
) STRICT, WITHOUT ROWID;

-- Evaluations that were recorded elsewhere and have no history here: thousands in a row.
CREATE TABLE evaluations (
    run     INTEGER NOT NULL REFERENCES run (id),
    first   INTEGER NOT NULL, -- number of its first trial
    n       INTEGER NOT NULL,
    columns BLOB NOT NULL,    -- packed columns
    PRIMARY KEY (run, first)
) STRICT, WITHOUT ROWID;

-- Which past task spoke for a transferred trial. What came of it is the trial's own row.
CREATE TABLE warm_start_use (
    run           INTEGER NOT NULL,
    trial         INTEGER NOT NULL,
    place         INTEGER NOT NULL, -- 0 the strongest
    task          TEXT NOT NULL,
    weight        REAL NOT NULL,
    expected_rank REAL NOT NULL,
    PRIMARY KEY (run, trial, place),
    FOREIGN KEY (run, trial) REFERENCES trial (run, number)
) STRICT, WITHOUT ROWID;
