-- Stock: what Pipe17 says, what TikTok orders have taken of it, and which SKUs have to be worked out again.

-- The newest row of Pipe17 per SKU (the seller's) and location.
CREATE TABLE levels (
    sku              TEXT    NOT NULL,
    location_id      TEXT    NOT NULL,
    on_hand          INTEGER NOT NULL,
    committed        INTEGER NOT NULL,
    future           INTEGER NOT NULL,
    committed_future INTEGER NOT NULL,
    source_version   INTEGER NOT NULL,  -- Pipe17's updatedAt; an older row never replaces a newer one
    read_at_ms       INTEGER NOT NULL,  -- when it was last read
    sweep            INTEGER NOT NULL,  -- the last sweep that saw it
    missing_since_ms INTEGER,           -- a sweep did not show it any more: not known, which is not zero
    PRIMARY KEY (sku, location_id)
);

-- How far each location has been read, and since when it cannot be.
CREATE TABLE stock_locations (
    location_id      TEXT PRIMARY KEY,
    position_ms      INTEGER,           -- where its next reading starts; NULL: never read to the end
    confirmed_at_ms  INTEGER,           -- the start of its last whole reading: until then every row of it was true
    failing_since_ms INTEGER,
    problem          TEXT    NOT NULL
);

-- SKUs (TikTok's) whose quantity has to be worked out again. held = 1: the guard keeps it until a person approves.
CREATE TABLE stock_changes (
    sku_id        TEXT PRIMARY KEY,
    changed_at_ms INTEGER NOT NULL,
    cause         TEXT    NOT NULL,
    held          INTEGER NOT NULL,
    effect        TEXT    NOT NULL,
    before_units  INTEGER,
    after_units   INTEGER
);
CREATE INDEX stock_changes_turn ON stock_changes (held, changed_at_ms, sku_id);

-- SKUs that went from something to zero lately; what the guard counts over pages, runs and restarts.
CREATE TABLE stock_zeroed (
    sku_id TEXT PRIMARY KEY,
    at_ms  INTEGER NOT NULL
);
CREATE INDEX stock_zeroed_at ON stock_zeroed (at_ms);

-- SKUs that may not be raised yet, because part of their figures is not known; looked at again when all is known.
CREATE TABLE stock_waiting (
    sku_id TEXT PRIMARY KEY
);

-- Units of TikTok orders that Pipe17 has not committed yet.
CREATE TABLE reservations (
    order_id       TEXT    NOT NULL,
    sku            TEXT    NOT NULL,
    units          INTEGER NOT NULL,
    remote_id      TEXT    NOT NULL,   -- the order in Pipe17, "" before it is there
    released_at_ms INTEGER,            -- when Pipe17 was told that it may ship
    PRIMARY KEY (order_id, sku)
);
CREATE INDEX reservations_sku      ON reservations (sku);
CREATE INDEX reservations_released ON reservations (released_at_ms) WHERE released_at_ms IS NOT NULL;
