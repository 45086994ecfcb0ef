-- Every statement the daemon runs, by name. SQLite and PostgreSQL share this dialect but for the parameter style.

-- name: tally_add
INSERT INTO tally (flow, state, items) VALUES (?, ?, ?)
ON CONFLICT (flow, state) DO UPDATE SET items = tally.items + excluded.items;

-- name: tally_all
SELECT flow, state, items FROM tally WHERE items <> 0 ORDER BY flow, state;

-- The row of one key, for staging.
-- name: outbox_get
SELECT id, flow, key, group_key, state, version, payload, digest, accepted_digest, remote_id, source_version, source_stamp,
    intent, result, attempts, flagged, reason, due_at_ms, deadline_at_ms, changed_at_ms
FROM outbox WHERE flow = ? AND key = ?;

-- name: outbox_now
SELECT state, version, staged, staged_due_ms, payload, digest, accepted_digest, remote_id, source_version, result, attempts,
    flagged, code
FROM outbox WHERE id = ?;

-- name: outbox_by_remote
SELECT id, flow, key, group_key, state, version, payload, digest, accepted_digest, remote_id, source_version, source_stamp,
    intent, result, attempts, flagged, reason, due_at_ms, deadline_at_ms, changed_at_ms
FROM outbox WHERE flow = ? AND remote_id = ? AND remote_id <> '' LIMIT 1;

-- Everything of one group (an order and its fulfillments), oldest first.
-- name: outbox_group
SELECT * FROM outbox WHERE group_key = ? ORDER BY id;

-- name: outbox_group_flow
SELECT id, flow, key, group_key, state, version, payload, digest, accepted_digest, remote_id, source_version, source_stamp,
    intent, result, attempts, flagged, reason, due_at_ms, deadline_at_ms, changed_at_ms
FROM outbox WHERE group_key = ? AND flow = ? ORDER BY id;

-- name: outbox_insert
INSERT INTO outbox (
    flow, key, group_key, payload, digest, source_version, source_stamp, deadline_at_ms, changed_at_ms, updated_at_ms,
    rank_ms, reason, state, queued, due_at_ms, finished_at_ms, created_at_ms,
    busy, version, sent_version, accepted_digest, remote_id, attempts, flagged, code
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 1, 0, '', '', 0, 0, '');

-- A newer wanted state for a row that no worker holds.
-- name: outbox_restage
UPDATE outbox SET
    payload = ?, digest = ?, source_version = ?, source_stamp = ?, deadline_at_ms = ?, changed_at_ms = ?,
    updated_at_ms = ?, rank_ms = ?, reason = ?, state = ?, queued = ?, due_at_ms = ?, finished_at_ms = ?,
    staged = NULL, staged_due_ms = NULL, version = version + 1, attempts = 0, code = ''
WHERE id = ?;

-- A newer wanted state for a row that is being sent or must be looked up: it waits in the row.
-- name: outbox_restage_in_doubt
UPDATE outbox SET
    payload = ?, digest = ?, source_version = ?, source_stamp = ?, deadline_at_ms = ?, changed_at_ms = ?,
    updated_at_ms = ?, rank_ms = ?, staged = ?, staged_due_ms = ?, version = version + 1
WHERE id = ?;

-- The record was seen again and asks for nothing new; where it stands stays as it was.
-- name: outbox_seen
UPDATE outbox SET payload = ?, source_version = ?, source_stamp = ?, deadline_at_ms = ? WHERE id = ?;

-- The record shows something a person should know.
-- name: outbox_flag
UPDATE outbox SET flagged = 1 WHERE id = ?;

-- name: outbox_flag_key
UPDATE outbox SET flagged = 1 WHERE flow = ? AND key = ?;

-- Rows whose time has come.
-- name: outbox_due
SELECT id, flow, state FROM outbox WHERE due_at_ms <= ? AND busy = 0 ORDER BY due_at_ms LIMIT ?;

-- name: outbox_wake
UPDATE outbox SET state = ?, queued = 1, due_at_ms = NULL, reason = '' WHERE id = ?;

-- name: outbox_next_due
SELECT min(due_at_ms) FROM outbox WHERE due_at_ms IS NOT NULL AND busy = 0;

-- The next rows of a flow whose group nobody is working on.
-- name: outbox_queue
SELECT id, flow, key, group_key, state, version, payload, digest, accepted_digest, remote_id, source_version, source_stamp,
    intent, result, attempts, flagged, reason, due_at_ms, deadline_at_ms, changed_at_ms
FROM outbox AS candidate
WHERE flow = ? AND queued = 1
  AND NOT EXISTS (SELECT 1 FROM outbox AS other WHERE other.group_key = candidate.group_key AND other.busy = 1)
ORDER BY rank_ms, id LIMIT ?;

-- Intent before effect: from here on a crash leaves the row to be looked up.
-- name: outbox_claim
UPDATE outbox SET state = ?, queued = 0, busy = 1, sent_version = version, updated_at_ms = ? WHERE id = ?;

-- name: outbox_intend
UPDATE outbox SET intent = ?, updated_at_ms = ? WHERE id = ?;

-- The commonest end of an attempt: accepted, and nothing happened to the row meanwhile. Changes no row otherwise.
-- name: outbox_accepted
UPDATE outbox SET
    state = ?, busy = 0, payload = COALESCE(?, payload), digest = ?, accepted_digest = ?, remote_id = ?,
    source_version = CASE WHEN source_version < ? THEN ? ELSE source_version END, result = COALESCE(?, result),
    attempts = 0, code = '', reason = ?, updated_at_ms = ?, finished_at_ms = ?
WHERE id = ? AND state = ? AND version = ? AND busy = 1 AND flagged = 0 AND staged IS NULL AND due_at_ms IS NULL;

-- The end of an attempt, whatever it was.
-- name: outbox_finish
UPDATE outbox SET
    state = ?, queued = ?, busy = 0, due_at_ms = ?, payload = ?, digest = ?, accepted_digest = ?, remote_id = ?,
    source_version = ?, result = ?, attempts = ?, flagged = ?, code = ?, reason = ?, updated_at_ms = ?,
    finished_at_ms = ?, staged = ?, staged_due_ms = ?
WHERE id = ?;

-- An operator's retry: everything but the state and the count of attempts stays.
-- name: outbox_requeue
UPDATE outbox SET state = ?, queued = 1, due_at_ms = NULL, attempts = 0, reason = '', updated_at_ms = ?,
    finished_at_ms = NULL
WHERE id = ?;

-- name: outbox_close
UPDATE outbox SET state = ?, queued = 0, due_at_ms = NULL, reason = ?, updated_at_ms = ?, finished_at_ms = ? WHERE id = ?;

-- After a crash: what a worker held may have taken effect.
-- name: outbox_orphans
SELECT id, flow, key, group_key, state FROM outbox WHERE busy = 1;

-- name: outbox_orphan_to_unknown
UPDATE outbox SET state = ?, queued = 1, busy = 0, due_at_ms = NULL, reason = ? WHERE id = ?;

-- name: outbox_dead_of_flow
SELECT key FROM outbox WHERE flow = ? AND state = 'dead' AND finished_at_ms IS NULL AND busy = 0 LIMIT ?;

-- name: outbox_oldest
SELECT min(changed_at_ms) FROM outbox WHERE flow = ? AND state = ? AND finished_at_ms IS NULL AND busy = 0;

-- name: outbox_oldest_busy
SELECT min(changed_at_ms) FROM outbox WHERE flow = ? AND busy = 1;

-- An order keeps its deadline, also when Pipe17 has accepted it, until TikTok shows it shipped or cancelled.
-- name: outbox_nearest_deadline
SELECT min(deadline_at_ms) FROM outbox WHERE flow = ? AND deadline_at_ms IS NOT NULL;

-- Whose deadline falls into a span and who has no open exception of this code yet.
-- name: outbox_deadlines_unsaid
SELECT id, key, group_key, deadline_at_ms FROM outbox AS late
WHERE flow = ? AND deadline_at_ms IS NOT NULL AND deadline_at_ms >= ? AND deadline_at_ms < ?
  AND NOT EXISTS (
    SELECT 1 FROM exceptions AS said
    WHERE said.flow = late.flow AND said.key = late.key AND said.code = ? AND said.closed_at_ms IS NULL
  )
ORDER BY deadline_at_ms LIMIT ?;

-- name: outbox_backlog
SELECT * FROM outbox WHERE flow = ? AND state = ? AND finished_at_ms IS NULL AND busy = 0 ORDER BY changed_at_ms LIMIT ?;

-- name: outbox_backlog_busy
SELECT * FROM outbox WHERE flow = ? AND state = ? AND busy = 1 ORDER BY changed_at_ms LIMIT ?;

-- name: outbox_expire
DELETE FROM outbox WHERE id IN (
    SELECT id FROM outbox WHERE finished_at_ms IS NOT NULL AND finished_at_ms < ? ORDER BY finished_at_ms LIMIT ?
) RETURNING flow, state;

-- name: cursor_get
SELECT position FROM cursors WHERE flow = ?;

-- name: cursor_set
INSERT INTO cursors (flow, position, updated_at_ms) VALUES (?, ?, ?)
ON CONFLICT (flow) DO UPDATE SET position = excluded.position, updated_at_ms = excluded.updated_at_ms;

-- name: run_succeeded
INSERT INTO flow_runs (flow, last_run_at_ms, last_success_at_ms, failing_since_ms, problem)
VALUES (:flow, :now_ms, :now_ms, NULL, '')
ON CONFLICT (flow) DO UPDATE SET last_run_at_ms = :now_ms, last_success_at_ms = :now_ms, failing_since_ms = NULL,
    problem = '';

-- name: run_failed
INSERT INTO flow_runs (flow, last_run_at_ms, last_success_at_ms, failing_since_ms, problem)
VALUES (:flow, :now_ms, NULL, :now_ms, :problem)
ON CONFLICT (flow) DO UPDATE SET last_run_at_ms = :now_ms,
    failing_since_ms = COALESCE(flow_runs.failing_since_ms, :now_ms), problem = :problem;

-- name: runs_all
SELECT * FROM flow_runs ORDER BY flow;

-- name: journal_add
INSERT INTO journal (at_ms, flow, key, group_key, event, detail) VALUES (?, ?, ?, ?, ?, ?);

-- name: journal_lately
SELECT id, event FROM journal WHERE key = ? AND flow = ? ORDER BY id DESC LIMIT 10;

-- name: journal_drop
DELETE FROM journal WHERE id = ?;

-- name: journal_of_group
SELECT * FROM journal WHERE group_key = ? ORDER BY id LIMIT ?;

-- name: journal_groups_of_key
SELECT DISTINCT group_key FROM journal WHERE key = ? LIMIT 10;

-- Lines are added in the order of time: the oldest have the smallest ids, and only those are looked at.
-- name: journal_expire
DELETE FROM journal WHERE at_ms < ? AND id IN (SELECT id FROM journal ORDER BY id LIMIT ?);

-- name: exception_open
INSERT INTO exceptions (
    flow, key, group_key, code, kind, detail, deadline_at_ms, opened_at_ms, seen_at_ms, times, closed_by, note
) VALUES (:flow, :key, :group_key, :code, :kind, :detail, :deadline_at_ms, :now_ms, :now_ms, 1, '', '')
ON CONFLICT (flow, key, code) WHERE closed_at_ms IS NULL DO UPDATE SET
    detail = excluded.detail, deadline_at_ms = excluded.deadline_at_ms, seen_at_ms = excluded.seen_at_ms,
    times = exceptions.times + 1
RETURNING times;

-- name: exception_close
UPDATE exceptions SET closed_at_ms = ?, closed_by = ?, note = ?
WHERE flow = ? AND key = ? AND code = ? AND closed_at_ms IS NULL RETURNING code;

-- name: exceptions_close_key
UPDATE exceptions SET closed_at_ms = ?, closed_by = ?, note = ?
WHERE flow = ? AND key = ? AND closed_at_ms IS NULL RETURNING code;

-- name: exceptions_of_key
SELECT code, kind FROM exceptions WHERE flow = ? AND key = ? AND closed_at_ms IS NULL;

-- name: exceptions_open
SELECT * FROM exceptions WHERE closed_at_ms IS NULL ORDER BY opened_at_ms, id LIMIT ?;

-- name: exceptions_of_group
SELECT * FROM exceptions WHERE group_key = ? ORDER BY id LIMIT ?;

-- name: exceptions_expire
DELETE FROM exceptions WHERE id IN (
    SELECT id FROM exceptions WHERE closed_at_ms IS NOT NULL AND closed_at_ms < ? LIMIT ?
);

-- name: set_aside_put
INSERT INTO set_aside (flow, key, raw, problem, updated_at_ms) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (flow, key) DO UPDATE SET raw = excluded.raw, problem = excluded.problem, updated_at_ms = excluded.updated_at_ms
WHERE set_aside.raw <> excluded.raw RETURNING key;

-- name: set_aside_take
DELETE FROM set_aside WHERE flow = ? AND key = ? RETURNING key;

-- name: set_aside_get
SELECT raw, problem FROM set_aside WHERE flow = ? AND key = ?;

-- name: set_aside_expire
DELETE FROM set_aside WHERE updated_at_ms < ?;

-- name: hint_add
INSERT INTO hints (notification_id, kind, subject, received_at_ms) VALUES (?, ?, ?, ?)
ON CONFLICT (notification_id) DO NOTHING RETURNING notification_id;

-- name: hints_waiting
SELECT notification_id, kind, subject FROM hints WHERE handled_at_ms IS NULL AND kind = ?
ORDER BY received_at_ms LIMIT ?;

-- name: hints_waiting_count
-- Counts no further than it was asked to.
SELECT count(*) FROM (SELECT 1 FROM hints WHERE handled_at_ms IS NULL AND kind = ? LIMIT ?) AS some;

-- name: hints_waiting_kinds
SELECT DISTINCT kind FROM hints WHERE handled_at_ms IS NULL;

-- name: hints_put_away
UPDATE hints SET handled_at_ms = ? WHERE handled_at_ms IS NULL AND kind = ?;

-- name: hint_handled_at
SELECT handled_at_ms FROM hints WHERE notification_id = ?;

-- name: hint_handled
UPDATE hints SET handled_at_ms = ? WHERE notification_id = ?;

-- name: hints_expire
DELETE FROM hints WHERE handled_at_ms IS NOT NULL AND handled_at_ms < ?;

-- name: throttle_save
INSERT INTO throttles (system, operation, closed_until_ms, strikes) VALUES (?, ?, ?, ?)
ON CONFLICT (system, operation) DO UPDATE SET closed_until_ms = excluded.closed_until_ms, strikes = excluded.strikes;

-- name: throttles_all
SELECT system, operation, closed_until_ms, strikes FROM throttles;

-- name: token_put
INSERT INTO tokens (slot, document, updated_at_ms) VALUES (?, ?, ?)
ON CONFLICT (slot) DO UPDATE SET document = excluded.document, updated_at_ms = excluded.updated_at_ms;

-- name: token_get
SELECT document FROM tokens WHERE slot = ?;

-- name: token_drop
DELETE FROM tokens WHERE slot = ?;

-- name: fact_set
INSERT INTO facts (name, value, updated_at_ms) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at_ms = excluded.updated_at_ms;

-- name: fact_get
SELECT value FROM facts WHERE name = ?;

-- name: facts_all
SELECT name, value, updated_at_ms FROM facts ORDER BY name;

-- name: outbox_standing
SELECT state, due_at_ms, reason, code, remote_id FROM outbox WHERE flow = ? AND key = ?;

-- The order behind an id of a record.
-- name: outbox_group_of_key
SELECT group_key FROM outbox WHERE flow IN ('orders', 'fulfillments') AND key = ? LIMIT 1;

-- The order behind an id of the other side.
-- name: outbox_by_remote_id
SELECT group_key FROM outbox WHERE flow IN ('orders', 'fulfillments') AND remote_id = ? AND remote_id <> '' LIMIT 1;

-- name: product_get
SELECT product_id, status, stamp, version_ms, seen_at_ms, gone_at_ms FROM products WHERE product_id = ?;

-- name: product_put
INSERT INTO products (product_id, status, stamp, version_ms, seen_at_ms, gone_at_ms) VALUES (?, ?, ?, ?, ?, NULL)
ON CONFLICT (product_id) DO UPDATE SET
    status = excluded.status, stamp = excluded.stamp, version_ms = excluded.version_ms, seen_at_ms = excluded.seen_at_ms,
    gone_at_ms = NULL
WHERE products.version_ms <= excluded.version_ms;

-- name: product_seen
UPDATE products SET seen_at_ms = ?, gone_at_ms = NULL WHERE product_id = ?;

-- name: product_gone
UPDATE products SET gone_at_ms = ?, stamp = '' WHERE product_id = ? AND gone_at_ms IS NULL;

-- Products that a whole reading of the shop did not show.
-- name: products_unseen
SELECT product_id FROM products WHERE gone_at_ms IS NULL AND seen_at_ms < ? ORDER BY seen_at_ms LIMIT ?;

-- name: products_unseen_count
SELECT count(*) FROM products WHERE gone_at_ms IS NULL AND seen_at_ms < ?;

-- name: products_live_count
SELECT count(*) FROM products WHERE gone_at_ms IS NULL;

-- name: link_get
SELECT sku_id, product_id, seller_sku, status, kind, warehouses, pipe17_product_id, seen_at_ms, gone_at_ms
FROM links WHERE sku_id = ?;

-- name: links_by_seller_sku
SELECT sku_id, product_id, seller_sku, status, kind, warehouses, pipe17_product_id, seen_at_ms, gone_at_ms
FROM links WHERE seller_sku = ? AND seller_sku <> '' AND gone_at_ms IS NULL ORDER BY sku_id;

-- name: links_by_product
SELECT sku_id, product_id, seller_sku, status, kind, warehouses, pipe17_product_id, seen_at_ms, gone_at_ms
FROM links WHERE product_id = ? ORDER BY sku_id;

-- Every link in the order of SKU ids, one page after the other; the gone ones are left out.
-- name: links_after
SELECT sku_id, product_id, seller_sku, status, kind, warehouses, pipe17_product_id, seen_at_ms, gone_at_ms
FROM links WHERE sku_id > ? AND gone_at_ms IS NULL ORDER BY sku_id LIMIT ?;

-- name: links_count
SELECT count(*) FROM links WHERE gone_at_ms IS NULL;

-- name: link_put
INSERT INTO links (
    sku_id, product_id, seller_sku, status, kind, warehouses, pipe17_product_id, seen_at_ms, gone_at_ms, updated_at_ms
) VALUES (?, ?, ?, ?, ?, ?, '', ?, NULL, ?)
ON CONFLICT (sku_id) DO UPDATE SET
    product_id = excluded.product_id,
    pipe17_product_id = CASE WHEN links.seller_sku = excluded.seller_sku THEN links.pipe17_product_id ELSE '' END,
    seller_sku = excluded.seller_sku, status = excluded.status, kind = excluded.kind, warehouses = excluded.warehouses,
    seen_at_ms = excluded.seen_at_ms, gone_at_ms = NULL, updated_at_ms = excluded.updated_at_ms;

-- name: link_gone
UPDATE links SET gone_at_ms = ?, updated_at_ms = ? WHERE sku_id = ? AND gone_at_ms IS NULL;

-- name: link_made
UPDATE links SET pipe17_product_id = ?, updated_at_ms = ? WHERE sku_id = ?;

-- name: link_kind
UPDATE links SET kind = ?, updated_at_ms = ? WHERE sku_id = ?;

-- name: link_warehouses
UPDATE links SET warehouses = ?, updated_at_ms = ? WHERE sku_id = ?;

-- name: warehouse_get
SELECT id, name, type, sub_type, effect_status, is_default, location_id, seen_at_ms FROM warehouses WHERE id = ?;

-- name: warehouses_all
SELECT id, name, type, sub_type, effect_status, is_default, location_id, seen_at_ms FROM warehouses ORDER BY id;

-- name: warehouse_put
INSERT INTO warehouses (id, name, type, sub_type, effect_status, is_default, location_id, seen_at_ms)
VALUES (?, ?, ?, ?, ?, ?, '', ?)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, type = excluded.type, sub_type = excluded.sub_type, effect_status = excluded.effect_status,
    is_default = excluded.is_default, seen_at_ms = excluded.seen_at_ms;

-- name: warehouse_located
UPDATE warehouses SET location_id = ? WHERE id = ?;

-- name: warehouse_gone
UPDATE warehouses SET effect_status = 'GONE' WHERE id = ?;
