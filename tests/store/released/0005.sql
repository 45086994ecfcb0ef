BEGIN TRANSACTION;
CREATE TABLE cursors (
    flow          TEXT PRIMARY KEY,
    position      TEXT    NOT NULL,
    updated_at_ms INTEGER NOT NULL
);
INSERT INTO "cursors" VALUES('orders','1767218400000',1767218400000);
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
INSERT INTO "exceptions" VALUES(1,'orders','done','done','further_numbers','event','text of further_numbers',NULL,1767218400000,1767218400000,1,NULL,'','');
INSERT INTO "exceptions" VALUES(2,'orders','dead','dead','bad_sku','send','no such SKU',NULL,1767218400000,1767218400000,1,NULL,'','');
CREATE TABLE facts (
    name          TEXT PRIMARY KEY,
    value         TEXT    NOT NULL,
    updated_at_ms INTEGER NOT NULL
);
INSERT INTO "facts" VALUES('pipe17_integration','"b7712ce05d9f3a48"',1767218400000);
CREATE TABLE flow_runs (
    flow               TEXT PRIMARY KEY,
    last_run_at_ms     INTEGER NOT NULL,
    last_success_at_ms INTEGER,
    failing_since_ms   INTEGER,
    problem            TEXT    NOT NULL
);
INSERT INTO "flow_runs" VALUES('orders',1767218400000,1767218400000,NULL,'');
INSERT INTO "flow_runs" VALUES('fulfillments',1767218400000,NULL,1767218400000,'no answer');
CREATE TABLE hints (
    notification_id TEXT PRIMARY KEY,
    kind            TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    received_at_ms  INTEGER NOT NULL,
    handled_at_ms   INTEGER
);
INSERT INTO "hints" VALUES('7001','orders','done',1767218400000,NULL);
CREATE TABLE journal (
    id        INTEGER PRIMARY KEY,
    at_ms     INTEGER NOT NULL,
    flow      TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    group_key TEXT    NOT NULL,
    event     TEXT    NOT NULL,
    detail    TEXT    NOT NULL
);
INSERT INTO "journal" VALUES(1,1767218400000,'orders','done','done','wanted','ready new');
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
INSERT INTO "levels" VALUES('MUG-BLUE','5ad3709be8c41f26',118,6,0,0,1767218400000,1,NULL);
CREATE TABLE links (
    sku_id            TEXT    PRIMARY KEY,
    product_id        TEXT    NOT NULL,
    seller_sku        TEXT    NOT NULL, -- the SKU of Pipe17; '' when the seller gave none
    status            TEXT    NOT NULL, -- of the product, as TikTok says it; DEACTIVATED when the SKU itself is switched off
    kind              TEXT    NOT NULL CHECK (kind IN ('normal', 'bundle', 'shared', 'preowned', 'platform')),
    warehouses        TEXT    NOT NULL, -- JSON: [{"id": ..., "quantity": ...}], as last seen
    pipe17_product_id TEXT    NOT NULL, -- '' until Pipe17 has it
    seen_at_ms        INTEGER NOT NULL,
    gone_at_ms        INTEGER,
    updated_at_ms     INTEGER NOT NULL
);
INSERT INTO "links" VALUES('17291','1729','MUG-BLUE','ACTIVATE','normal','[{"id":"7068","quantity":5}]','',1767218400000,NULL,1767218400000);
CREATE TABLE marks (
    sku          TEXT    PRIMARY KEY, -- of Pipe17; a parent's is the id of the TikTok product
    preowned     INTEGER NOT NULL,    -- 1: one of a kind; sold means off sale
    buffer_units INTEGER NOT NULL     -- units kept back from TikTok
);
INSERT INTO "marks" VALUES('MUG-BLUE',1,1);
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
INSERT INTO "outbox" VALUES(1,'orders','done','done','done',NULL,NULL,0,0,NULL,1767477600000,1,1,'{"digest":"a"}','a','a','3f0c9a41d27be860',1,'stamp-1',NULL,'{"document":{"status":"new"}}',0,0,'','',NULL,1767218400000,1767218400000,1767218400000,1767218400000);
INSERT INTO "outbox" VALUES(2,'orders','dead','dead','dead',NULL,NULL,0,0,NULL,1767218400001,1,1,'{"digest":"a"}','a','','',1,'stamp-1',NULL,NULL,0,1,'bad_sku','no such SKU',1767218400001,1767218399995,1767218400000,1767218400000,NULL);
INSERT INTO "outbox" VALUES(3,'orders','unknown','unknown','unknown',NULL,NULL,0,0,1767218402000,1767477600000,1,1,'{"digest":"a"}','a','','',1,'stamp-1',NULL,NULL,1,0,'timeout','no',NULL,1767218400000,1767218400000,1767218400000,NULL);
INSERT INTO "outbox" VALUES(4,'orders','dropped','dropped','dropped',NULL,NULL,0,0,NULL,1767477600000,1,0,'{"digest":""}','','','',1,'stamp-1',NULL,NULL,0,0,'','cancelled_unpaid',NULL,1767218400000,1767218400000,1767218400000,1767218400000);
INSERT INTO "outbox" VALUES(5,'orders','held','held','held',NULL,NULL,0,0,1767218460000,1767477600000,1,0,'{"digest":"a"}','a','','',1,'stamp-1',NULL,NULL,0,0,'','hold_window',NULL,1767218400000,1767218400000,1767218400000,NULL);
INSERT INTO "outbox" VALUES(6,'orders','sending','sending','sending','held',1767218490000,0,1,NULL,1767477600000,2,1,'{"digest":"b"}','b','','',2,'stamp-2','{"order_id":"sending"}',NULL,0,0,'','',NULL,1767218400000,1767218400000,1767218400000,NULL);
INSERT INTO "outbox" VALUES(7,'fulfillments','ready','done','ready',NULL,NULL,1,0,NULL,1767477600000,1,0,'{"digest":"a"}','a','','',1,'stamp-1',NULL,NULL,0,0,'','',NULL,1767218400000,1767218400000,1767218400000,NULL);
CREATE TABLE products (
    product_id  TEXT    PRIMARY KEY,
    status      TEXT    NOT NULL,
    stamp       TEXT    NOT NULL,
    version_ms  INTEGER NOT NULL,      -- TikTok's update time
    seen_at_ms  INTEGER NOT NULL,      -- start of the last reading that showed it
    gone_at_ms  INTEGER                -- since when TikTok does not have it any more
);
INSERT INTO "products" VALUES('1729','ACTIVATE','stamp',1767218400000,1767218400000,NULL);
CREATE TABLE pushed (
    id     INTEGER PRIMARY KEY,
    sku_id TEXT    NOT NULL,
    at_ms  INTEGER NOT NULL,
    before TEXT    NOT NULL,
    after  TEXT    NOT NULL
);
INSERT INTO "pushed" VALUES(1,'17291',1767218400000,'','{"7068":5}');
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
INSERT INTO "reservations" VALUES('held','MUG-BLUE',2,'',NULL,NULL,0);
CREATE TABLE set_aside (
    flow          TEXT    NOT NULL,
    key           TEXT    NOT NULL,
    raw           TEXT    NOT NULL,
    problem       TEXT    NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    PRIMARY KEY (flow, key)
);
INSERT INTO "set_aside" VALUES('orders','unreadable-1','{}','id: is missing',1767218400000);
CREATE TABLE stock_changes (
    sku_id        TEXT    PRIMARY KEY,
    changed_at_ms INTEGER NOT NULL,
    cause         TEXT    NOT NULL,
    held          INTEGER NOT NULL,    -- 1: the guard keeps it until a person approves
    effect        TEXT    NOT NULL,    -- '' until it is weighed, then what the change would do (core/stock_guard.py)
    before_units  INTEGER,
    after_units   INTEGER
);
INSERT INTO "stock_changes" VALUES('17291',1767218400000,'link',0,'',NULL,NULL);
CREATE TABLE stock_doubtful (
    sku_id TEXT PRIMARY KEY
);
INSERT INTO "stock_doubtful" VALUES('17291');
CREATE TABLE stock_unanswered (
    sku_id         TEXT    PRIMARY KEY,
    version        INTEGER NOT NULL,    -- of the row that the call carried; 0: not known, a crash cut it off
    quiet_until_ms INTEGER NOT NULL,    -- nothing else is sent for the SKU before then
    look_at_ms     INTEGER NOT NULL     -- nothing can land any more: TikTok is asked for the quantities once more
);
INSERT INTO "stock_unanswered" VALUES('17291',1,1767218400000,1767218400001);
CREATE TABLE stock_zeroed (
    sku_id TEXT    PRIMARY KEY,
    at_ms  INTEGER NOT NULL
);
INSERT INTO "stock_zeroed" VALUES('17291',1767218400000);
CREATE TABLE tally (
    flow  TEXT    NOT NULL,
    state TEXT    NOT NULL,
    items INTEGER NOT NULL,
    PRIMARY KEY (flow, state)
);
INSERT INTO "tally" VALUES('exception:orders','further_numbers',1);
INSERT INTO "tally" VALUES('orders','ready',0);
INSERT INTO "tally" VALUES('orders','sending',1);
INSERT INTO "tally" VALUES('orders','done',1);
INSERT INTO "tally" VALUES('exception:orders','bad_sku',1);
INSERT INTO "tally" VALUES('orders','dead',1);
INSERT INTO "tally" VALUES('orders','unknown',1);
INSERT INTO "tally" VALUES('orders','dropped',1);
INSERT INTO "tally" VALUES('orders','held',1);
INSERT INTO "tally" VALUES('fulfillments','ready',1);
CREATE TABLE throttles (
    system          TEXT    NOT NULL,
    operation       TEXT    NOT NULL,
    closed_until_ms INTEGER NOT NULL,
    strikes         INTEGER NOT NULL,
    PRIMARY KEY (system, operation)
);
INSERT INTO "throttles" VALUES('tiktok','orders.search',1767218401000,1);
CREATE TABLE tokens (
    slot          TEXT PRIMARY KEY CHECK (slot IN ('current', 'previous')),
    document      TEXT    NOT NULL,
    updated_at_ms INTEGER NOT NULL
);
INSERT INTO "tokens" VALUES('current','{"access_token":"a"}',1767218400000);
CREATE TABLE unlinked (
    order_id  TEXT    NOT NULL,
    sku       TEXT    NOT NULL,    -- seller SKU
    due_at_ms INTEGER,             -- when a person is told; none: was told
    PRIMARY KEY (order_id, sku)
);
INSERT INTO "unlinked" VALUES('held','MUG-GREEN',1767218400000);
CREATE TABLE warehouse_changes (
    warehouse_id  TEXT    PRIMARY KEY,
    position      TEXT    NOT NULL,    -- the last SKU id that was looked at
    changed_at_ms INTEGER NOT NULL
);
INSERT INTO "warehouse_changes" VALUES('7068','',1767218400000);
CREATE TABLE warehouses (
    id            TEXT    PRIMARY KEY,
    name          TEXT    NOT NULL,
    type          TEXT    NOT NULL,    -- SALES_WAREHOUSE, RETURN_WAREHOUSE or FBT
    sub_type      TEXT    NOT NULL,
    effect_status TEXT    NOT NULL,    -- ENABLED, DISABLED, RESTRICTED; GONE when the list does not show it any more
    is_default    INTEGER NOT NULL,
    location_id   TEXT    NOT NULL,    -- '' until Pipe17 has it
    seen_at_ms    INTEGER NOT NULL
);
INSERT INTO "warehouses" VALUES('7068','Main','SALES_WAREHOUSE','','ENABLED',1,'',1767218400000);
CREATE INDEX outbox_queue    ON outbox (flow, rank_ms, id)             WHERE queued = 1;
CREATE INDEX outbox_waiting  ON outbox (due_at_ms)                     WHERE due_at_ms IS NOT NULL;
CREATE INDEX outbox_busy     ON outbox (flow, changed_at_ms)           WHERE busy = 1;
CREATE INDEX outbox_open     ON outbox (flow, state, changed_at_ms)    WHERE finished_at_ms IS NULL AND busy = 0;
CREATE INDEX outbox_deadline ON outbox (flow, deadline_at_ms)          WHERE deadline_at_ms IS NOT NULL;
CREATE INDEX outbox_finished ON outbox (finished_at_ms)                WHERE finished_at_ms IS NOT NULL;
CREATE INDEX outbox_group    ON outbox (group_key, flow);
CREATE INDEX outbox_remote   ON outbox (flow, remote_id)               WHERE remote_id <> '';
CREATE INDEX journal_group ON journal (group_key, id);
CREATE INDEX journal_key   ON journal (key, id);
CREATE UNIQUE INDEX exceptions_open   ON exceptions (flow, key, code) WHERE closed_at_ms IS NULL;
CREATE INDEX exceptions_group         ON exceptions (group_key, id);
CREATE INDEX exceptions_closed        ON exceptions (closed_at_ms) WHERE closed_at_ms IS NOT NULL;
CREATE INDEX set_aside_age ON set_aside (updated_at_ms);
CREATE INDEX hints_waiting ON hints (received_at_ms) WHERE handled_at_ms IS NULL;
CREATE INDEX hints_handled ON hints (handled_at_ms) WHERE handled_at_ms IS NOT NULL;
CREATE INDEX products_seen ON products (seen_at_ms) WHERE gone_at_ms IS NULL;
CREATE INDEX links_seller_sku ON links (seller_sku);
CREATE INDEX links_product    ON links (product_id);
CREATE INDEX levels_sweep   ON levels (sweep, sku);
CREATE INDEX levels_missing ON levels (location_id, missing_since_ms) WHERE missing_since_ms IS NOT NULL;
CREATE INDEX stock_changes_turn ON stock_changes (held, effect, changed_at_ms);
CREATE INDEX stock_zeroed_at ON stock_zeroed (at_ms);
CREATE INDEX reservations_sku      ON reservations (sku) WHERE counted = 0;
CREATE INDEX reservations_released ON reservations (released_at_ms) WHERE counted = 0 AND released_at_ms IS NOT NULL;
CREATE INDEX pushed_at  ON pushed (at_ms);
CREATE INDEX pushed_sku ON pushed (sku_id, at_ms, id);
CREATE INDEX links_alive ON links (sku_id) WHERE gone_at_ms IS NULL;
CREATE INDEX levels_place ON levels (location_id, sku)
WHERE on_hand <> 0 OR committed <> 0 OR future <> 0 OR committed_future <> 0;
CREATE INDEX unlinked_sku ON unlinked (sku);
CREATE INDEX unlinked_due ON unlinked (due_at_ms) WHERE due_at_ms IS NOT NULL;
CREATE INDEX stock_unanswered_looks ON stock_unanswered (look_at_ms);
COMMIT;
PRAGMA user_version = 5;
