-- What we owe, one row per (flow, key). See core/lifecycle.py for the states and store/outbox.py for who writes what.
CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY,
    flow            TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    group_key       TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('held', 'ready', 'sending', 'unknown', 'done', 'dead', 'dropped')),
    staged          TEXT,              -- state that a newer wanted state asked for while the row was in doubt
    staged_due_ms   INTEGER,           -- and until when it is to wait
    queued          INTEGER NOT NULL,  -- 1: a worker may take it now (ready or unknown, and its time has come)
    busy            INTEGER NOT NULL,  -- 1: a worker has it (sending, or unknown being looked up)
    due_at_ms       INTEGER,           -- waits until then; NULL: waits for nothing
    rank_ms         INTEGER NOT NULL,  -- who goes first among the queued: deadline, else time of the change
    version         INTEGER NOT NULL,
    sent_version    INTEGER NOT NULL,
    payload         TEXT    NOT NULL,
    digest          TEXT    NOT NULL,
    accepted_digest TEXT    NOT NULL,
    remote_id       TEXT    NOT NULL,
    source_version  INTEGER NOT NULL,
    source_stamp    TEXT    NOT NULL,
    intent          TEXT,
    result          TEXT,
    attempts        INTEGER NOT NULL,
    flagged         INTEGER NOT NULL,  -- 1: an exception was opened on it since its last success
    code            TEXT    NOT NULL,  -- of the last verdict
    reason          TEXT    NOT NULL,  -- why it is where it is, for people
    deadline_at_ms  INTEGER,
    changed_at_ms   INTEGER NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    updated_at_ms   INTEGER NOT NULL,
    finished_at_ms  INTEGER,
    UNIQUE (flow, key)
);
CREATE INDEX outbox_queue    ON outbox (flow, rank_ms, id)             WHERE queued = 1;
CREATE INDEX outbox_waiting  ON outbox (due_at_ms)                     WHERE due_at_ms IS NOT NULL;
CREATE INDEX outbox_busy     ON outbox (flow, changed_at_ms)           WHERE busy = 1;
CREATE INDEX outbox_open     ON outbox (flow, state, changed_at_ms)    WHERE finished_at_ms IS NULL AND busy = 0;
CREATE INDEX outbox_deadline ON outbox (flow, deadline_at_ms)          WHERE deadline_at_ms IS NOT NULL;
CREATE INDEX outbox_finished ON outbox (finished_at_ms)                WHERE finished_at_ms IS NOT NULL;
CREATE INDEX outbox_group    ON outbox (group_key, flow);
CREATE INDEX outbox_remote   ON outbox (flow, remote_id)               WHERE remote_id <> '';

-- How many rows stand where; kept by the writer with every batch, so that nobody ever counts a table.
CREATE TABLE tally (
    flow  TEXT    NOT NULL,
    state TEXT    NOT NULL,
    items INTEGER NOT NULL,
    PRIMARY KEY (flow, state)
);

-- How far each source has been read; commits with the page that made it true.
CREATE TABLE cursors (
    flow          TEXT PRIMARY KEY,
    position      TEXT    NOT NULL,
    updated_at_ms INTEGER NOT NULL
);

-- The last run of every flow, for status and the freshness alerts.
CREATE TABLE flow_runs (
    flow               TEXT PRIMARY KEY,
    last_run_at_ms     INTEGER NOT NULL,
    last_success_at_ms INTEGER,
    failing_since_ms   INTEGER,
    problem            TEXT    NOT NULL
);

-- What happened to an order, a fulfillment, ...: the timeline that `trace` prints.
CREATE TABLE journal (
    id        INTEGER PRIMARY KEY,
    at_ms     INTEGER NOT NULL,
    flow      TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    group_key TEXT    NOT NULL,
    event     TEXT    NOT NULL,
    detail    TEXT    NOT NULL
);
CREATE INDEX journal_group ON journal (group_key, id);
CREATE INDEX journal_key   ON journal (key, id);

-- What a person has to look at. One open entry per (flow, key, code); closing keeps the row for the record.
-- kind: 'send' closes with the next success, 'finding' when the record no longer shows it, 'event' by a person alone.
CREATE TABLE exceptions (
    id            INTEGER PRIMARY KEY,
    flow          TEXT    NOT NULL,
    key           TEXT    NOT NULL,
    group_key     TEXT    NOT NULL,
    code          TEXT    NOT NULL,
    kind          TEXT    NOT NULL CHECK (kind IN ('send', 'finding', 'event')),
    detail        TEXT    NOT NULL,
    deadline_at_ms INTEGER,
    opened_at_ms  INTEGER NOT NULL,
    seen_at_ms    INTEGER NOT NULL,
    times         INTEGER NOT NULL,
    closed_at_ms  INTEGER,
    closed_by     TEXT    NOT NULL,
    note          TEXT    NOT NULL
);
CREATE UNIQUE INDEX exceptions_open   ON exceptions (flow, key, code) WHERE closed_at_ms IS NULL;
CREATE INDEX exceptions_group         ON exceptions (group_key, id);
CREATE INDEX exceptions_closed        ON exceptions (closed_at_ms) WHERE closed_at_ms IS NOT NULL;

-- Records that could not be read, with their raw text, until they read well or retention takes them.
CREATE TABLE set_aside (
    flow          TEXT    NOT NULL,
    key           TEXT    NOT NULL,
    raw           TEXT    NOT NULL,
    problem       TEXT    NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    PRIMARY KEY (flow, key)
);
CREATE INDEX set_aside_age ON set_aside (updated_at_ms);

-- Webhook notifications that were answered with 200 and wait to be acted on; then kept a while against duplicates.
CREATE TABLE hints (
    notification_id TEXT PRIMARY KEY,
    kind            TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    received_at_ms  INTEGER NOT NULL,
    handled_at_ms   INTEGER
);
CREATE INDEX hints_waiting ON hints (received_at_ms) WHERE handled_at_ms IS NULL;
CREATE INDEX hints_handled ON hints (handled_at_ms) WHERE handled_at_ms IS NOT NULL;

-- Operations that the other side closed for us, so that a restart does not hammer it.
CREATE TABLE throttles (
    system          TEXT    NOT NULL,
    operation       TEXT    NOT NULL,
    closed_until_ms INTEGER NOT NULL,
    strikes         INTEGER NOT NULL,
    PRIMARY KEY (system, operation)
);

-- The TikTok grant: the pair in use, and the one before it until the new one has made a successful call.
CREATE TABLE tokens (
    slot          TEXT PRIMARY KEY CHECK (slot IN ('current', 'previous')),
    document      TEXT    NOT NULL,
    updated_at_ms INTEGER NOT NULL
);

-- Small facts the daemon has learnt: our Pipe17 integration id, the shop and its cipher, connection states, ...
CREATE TABLE facts (
    name          TEXT PRIMARY KEY,
    value         TEXT    NOT NULL,
    updated_at_ms INTEGER NOT NULL
);
