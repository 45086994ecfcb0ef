-- Stock: what Pipe17 says, what TikTok orders have taken of it, and which SKUs have to be worked out again.

-- The newest row of Pipe17 per SKU (the seller's) and location.
CREATE TABLE levels (
    sku              TEXT    NOT NULL,
    location_id      TEXT    NOT NULL,
    on_hand          INTEGER NOT NULL,
    committed        INTEGER NOT NULL,
    future           INTEGER NOT NULL,
    committed_future INTEGER NOT NULL,
    source_version   INTEGER NOT NULL, -- Pipe17's updatedAt; an older row never replaces a newer one
    sweep            INTEGER NOT NULL, -- the last sweep during which it was read
    missing_since_ms INTEGER,          -- a reading that should show it did not: not known, which is not zero
    PRIMARY KEY (sku, location_id)
);
CREATE INDEX levels_sweep   ON levels (sweep, sku);
CREATE INDEX levels_missing ON levels (location_id, missing_since_ms) WHERE missing_since_ms IS NOT NULL;

-- SKUs (TikTok's) whose quantity has to be worked out again.
CREATE TABLE stock_changes (
    sku_id        TEXT    PRIMARY KEY,
    changed_at_ms INTEGER NOT NULL,
    cause         TEXT    NOT NULL,
    held          INTEGER NOT NULL,    -- 1: the guard keeps it until a person approves
    effect        TEXT    NOT NULL,    -- '' until it is weighed, then what the change would do (core/stock_guard.py)
    before_units  INTEGER,
    after_units   INTEGER
);
CREATE INDEX stock_changes_turn ON stock_changes (held, effect, changed_at_ms);

-- SKUs that went from something to zero lately: what the guard counts over pages, runs and restarts.
CREATE TABLE stock_zeroed (
    sku_id TEXT    PRIMARY KEY,
    at_ms  INTEGER NOT NULL
);
CREATE INDEX stock_zeroed_at ON stock_zeroed (at_ms);

-- SKUs that were not worked out to the end because part of their figures is not known; read again until it is.
CREATE TABLE stock_doubtful (
    sku_id TEXT PRIMARY KEY
);

-- Units of TikTok orders that Pipe17 has not committed yet. Kept until the order ends, so that nothing counts twice.
CREATE TABLE reservations (
    order_id       TEXT    NOT NULL,
    sku            TEXT    NOT NULL,
    units          INTEGER NOT NULL,
    remote_id      TEXT    NOT NULL,   -- the order in Pipe17, '' before it is there
    accepted_at_ms INTEGER,            -- since when it is there
    released_at_ms INTEGER,            -- since when Pipe17 may ship it
    counted        INTEGER NOT NULL,   -- 1: Pipe17's own figures count it
    PRIMARY KEY (order_id, sku)
);
CREATE INDEX reservations_sku      ON reservations (sku) WHERE counted = 0;
CREATE INDEX reservations_released ON reservations (released_at_ms) WHERE counted = 0 AND released_at_ms IS NOT NULL;

-- What TikTok accepted, each with what it had accepted before ('': nothing from us); the way back of `rollback`.
CREATE TABLE pushed (
    id     INTEGER PRIMARY KEY,
    sku_id TEXT    NOT NULL,
    at_ms  INTEGER NOT NULL,
    before TEXT    NOT NULL,
    after  TEXT    NOT NULL
);
CREATE INDEX pushed_at  ON pushed (at_ms);
CREATE INDEX pushed_sku ON pushed (sku_id, at_ms, id);

-- How many SKUs are linked, for the guard and for the progress of a resync.
CREATE INDEX links_alive ON links (sku_id) WHERE gone_at_ms IS NULL;
