-- Bytes kept by their hash, as long as something refers to them.

CREATE TABLE artifact (
    hash    TEXT PRIMARY KEY, -- SHA-256 of the bytes
    size    INTEGER NOT NULL,
    created INTEGER NOT NULL,
    bytes   BLOB NOT NULL
) STRICT;

CREATE TABLE artifact_reference (
    hash  TEXT NOT NULL REFERENCES artifact (hash),
    run   INTEGER NOT NULL REFERENCES run (id),
    trial INTEGER NOT NULL, -- -1: the run as a whole
    name  TEXT NOT NULL,    -- what it is to that trial, such as `weights`
    PRIMARY KEY (run, trial, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX artifact_reference_by_hash ON artifact_reference (hash);
