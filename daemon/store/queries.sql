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
SELECT state, version, sent_version, staged, staged_due_ms, payload, digest, accepted_digest, remote_id, source_version, result, attempts,
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

-- The queued rows of one group and flow that stand in one state, in their turn: those that share a call.
-- (`queued + 0` keeps the planner from the index of the whole queue: a group has a few hundred rows at most.)
-- name: outbox_queue_of_group
SELECT id, flow, key, group_key, state, version, payload, digest, accepted_digest, remote_id, source_version, source_stamp,
    intent, result, attempts, flagged, reason, due_at_ms, deadline_at_ms, changed_at_ms
FROM outbox WHERE group_key = ? AND flow = ? AND queued + 0 = 1 AND state = ? ORDER BY rank_ms, id LIMIT ?;

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
WHERE id = ? AND state = ? AND version = ? AND sent_version = version AND busy = 1 AND flagged = 0 AND staged IS NULL
    AND due_at_ms IS NULL;

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
UPDATE outbox SET
    state = ?, queued = 0, due_at_ms = NULL, staged = NULL, staged_due_ms = NULL, reason = ?, updated_at_ms = ?,
    finished_at_ms = ?
WHERE id = ?;

-- name: outbox_waiting_of_flow
SELECT id, key, group_key, flagged FROM outbox
WHERE flow = ? AND state = ? AND finished_at_ms IS NULL AND busy = 0 ORDER BY changed_at_ms LIMIT ?;

-- After a crash: what a worker held may have taken effect.
-- name: outbox_orphans
SELECT id, flow, key, group_key, state FROM outbox WHERE busy = 1;

-- name: outbox_orphan_to_unknown
UPDATE outbox SET state = ?, queued = 1, busy = 0, due_at_ms = NULL, reason = ? WHERE id = ?;

-- name: outbox_dead_of_flow
SELECT key FROM outbox WHERE flow = ? AND state = 'dead' AND finished_at_ms IS NULL AND busy = 0 LIMIT ?;

-- name: outbox_dead_of_group
SELECT id, flow, key FROM outbox WHERE group_key = ? AND state = 'dead' AND code = ?;

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

-- The newest lines about one record.
-- name: journal_of_key_lately
SELECT * FROM journal WHERE key = ? ORDER BY id DESC LIMIT ?;

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

-- name: exceptions_of_group_lately
SELECT * FROM exceptions WHERE group_key = ? ORDER BY id DESC LIMIT ?;

-- Whether it was said about this record before, open or closed.
-- name: exception_of_group_before
SELECT 1 FROM exceptions WHERE group_key = ? AND code = ? AND opened_at_ms < ? LIMIT 1;

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

-- name: outbox_product_by_remote_id
SELECT group_key FROM outbox WHERE flow = 'products' AND remote_id = ? AND remote_id <> '' LIMIT 1;

-- name: product_get
SELECT product_id, status, stamp, version_ms, seen_at_ms, gone_at_ms FROM products WHERE product_id = ?;

-- name: product_put
INSERT INTO products (product_id, status, stamp, version_ms, seen_at_ms, gone_at_ms) VALUES (?, ?, ?, ?, ?, NULL)
ON CONFLICT (product_id) DO UPDATE SET
    status = excluded.status, stamp = excluded.stamp, version_ms = excluded.version_ms, seen_at_ms = excluded.seen_at_ms,
    gone_at_ms = NULL
WHERE products.version_ms <= excluded.version_ms;

-- name: mark_get
SELECT preowned, buffer_units FROM marks WHERE sku = ?;

-- name: mark_put
INSERT INTO marks (sku, preowned, buffer_units) VALUES (?, ?, ?)
ON CONFLICT (sku) DO UPDATE SET preowned = excluded.preowned, buffer_units = excluded.buffer_units;

-- name: mark_drop
DELETE FROM marks WHERE sku = ?;

-- name: product_seen
UPDATE products SET seen_at_ms = ?, gone_at_ms = NULL WHERE product_id = ?;

-- name: product_gone
UPDATE products SET gone_at_ms = ?, stamp = '' WHERE product_id = ? AND gone_at_ms IS NULL;

-- Products that a whole reading of the shop did not show.
-- name: products_unseen
SELECT product_id FROM products WHERE gone_at_ms IS NULL AND seen_at_ms < ? ORDER BY seen_at_ms LIMIT ?;

-- name: link_get
SELECT sku_id, product_id, seller_sku, status, kind, warehouses, pipe17_product_id, seen_at_ms, gone_at_ms,
    EXISTS (SELECT 1 FROM marks WHERE marks.sku IN (links.seller_sku, links.product_id) AND marks.preowned = 1)
FROM links WHERE sku_id = ?;

-- name: links_by_seller_sku
SELECT sku_id, product_id, seller_sku, status, kind, warehouses, pipe17_product_id, seen_at_ms, gone_at_ms,
    EXISTS (SELECT 1 FROM marks WHERE marks.sku IN (links.seller_sku, links.product_id) AND marks.preowned = 1)
FROM links WHERE seller_sku = ? AND seller_sku <> '' AND gone_at_ms IS NULL ORDER BY sku_id;

-- name: links_by_product
SELECT sku_id, product_id, seller_sku, status, kind, warehouses, pipe17_product_id, seen_at_ms, gone_at_ms,
    EXISTS (SELECT 1 FROM marks WHERE marks.sku IN (links.seller_sku, links.product_id) AND marks.preowned = 1)
FROM links WHERE product_id = ? ORDER BY sku_id;

-- Every link in the order of SKU ids, one page after the other; the gone ones are left out.
-- name: links_after
SELECT sku_id, product_id, seller_sku, status, kind, warehouses, pipe17_product_id, seen_at_ms, gone_at_ms,
    EXISTS (SELECT 1 FROM marks WHERE marks.sku IN (links.seller_sku, links.product_id) AND marks.preowned = 1)
FROM links WHERE sku_id > ? AND gone_at_ms IS NULL ORDER BY sku_id LIMIT ?;

-- name: links_count
SELECT count(*) FROM links WHERE gone_at_ms IS NULL;

-- name: links_settable_count
SELECT count(*) FROM links WHERE gone_at_ms IS NULL AND kind IN ('normal', 'preowned') AND seller_sku <> '';

-- name: link_put
INSERT INTO links (
    sku_id, product_id, seller_sku, status, kind, warehouses, pipe17_product_id, seen_at_ms, gone_at_ms, updated_at_ms
) VALUES (?, ?, ?, ?, ?, ?, '', ?, NULL, ?)
ON CONFLICT (sku_id) DO UPDATE SET
    product_id = excluded.product_id,
    pipe17_product_id = CASE WHEN links.seller_sku = excluded.seller_sku THEN links.pipe17_product_id ELSE '' END,
    seller_sku = excluded.seller_sku, status = excluded.status, warehouses = excluded.warehouses,
    kind = CASE WHEN excluded.kind = 'normal' AND links.kind IN ('bundle', 'shared', 'platform') THEN links.kind
        ELSE excluded.kind END,
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

-- A change is looked at from the first SKU on, also when an earlier one of the warehouse is not through yet.
-- name: warehouse_changed
INSERT INTO warehouse_changes (warehouse_id, position, changed_at_ms) VALUES (?, '', ?)
ON CONFLICT (warehouse_id) DO UPDATE SET position = '', changed_at_ms = excluded.changed_at_ms;

-- name: warehouse_change_next
SELECT warehouse_id, position FROM warehouse_changes ORDER BY warehouse_id LIMIT 1;

-- name: warehouse_change_at
UPDATE warehouse_changes SET position = ? WHERE warehouse_id = ?;

-- name: warehouse_change_done
DELETE FROM warehouse_changes WHERE warehouse_id = ?;

-- name: warehouse_located
UPDATE warehouses SET location_id = ? WHERE id = ?;

-- A newer row of Pipe17; nothing when the one we have is newer.
-- name: level_put
INSERT INTO levels (sku, location_id, on_hand, committed, future, committed_future, source_version, sweep, missing_since_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)
ON CONFLICT (sku, location_id) DO UPDATE SET on_hand = excluded.on_hand, committed = excluded.committed,
    future = excluded.future, committed_future = excluded.committed_future, source_version = excluded.source_version,
    sweep = excluded.sweep, missing_since_ms = NULL;

-- name: level_get
SELECT location_id, on_hand, committed, future, committed_future, source_version, missing_since_ms FROM levels
WHERE sku = ? AND location_id = ?;

-- name: level_seen
UPDATE levels SET sweep = ?, missing_since_ms = NULL WHERE sku = ? AND location_id = ?;

-- name: levels_of_sku
SELECT location_id, on_hand, committed, future, committed_future, source_version, missing_since_ms FROM levels
WHERE sku = ?;

-- name: level_missing
UPDATE levels SET missing_since_ms = ? WHERE sku = ? AND location_id = ? AND missing_since_ms IS NULL;

-- name: levels_unseen
SELECT sku FROM levels WHERE sweep < ? ORDER BY sweep, sku LIMIT ?;

-- name: levels_swept
UPDATE levels SET sweep = ? WHERE sku = ?;

-- name: levels_any
SELECT sku FROM levels LIMIT 1;

-- The next location that has any stock; the condition is that of the index `levels_place`.
-- name: level_next_place
SELECT min(location_id) FROM levels
WHERE location_id > ? AND (on_hand <> 0 OR committed <> 0 OR future <> 0 OR committed_future <> 0);

-- name: levels_of_place
SELECT sku FROM levels
WHERE location_id = ? AND sku > ? AND (on_hand <> 0 OR committed <> 0 OR future <> 0 OR committed_future <> 0)
ORDER BY sku LIMIT ?;

-- name: level_lost_lately
SELECT sku FROM levels WHERE location_id = ? AND missing_since_ms IS NOT NULL AND missing_since_ms > ? LIMIT 1;

-- name: levels_missing_by_location
SELECT location_id, min(missing_since_ms), count(*) FROM levels WHERE missing_since_ms IS NOT NULL GROUP BY location_id;

-- name: stock_changed
INSERT INTO stock_changes (sku_id, changed_at_ms, cause, held, effect) VALUES (?, ?, ?, 0, '')
ON CONFLICT (sku_id) DO UPDATE SET changed_at_ms = excluded.changed_at_ms, cause = excluded.cause, held = 0, effect = '';

-- name: stock_change_get
SELECT held, effect, before_units, after_units, changed_at_ms FROM stock_changes WHERE sku_id = ?;

-- name: stock_unweighed
SELECT sku_id FROM stock_changes WHERE held = 0 AND effect = '' AND changed_at_ms <= ? ORDER BY changed_at_ms LIMIT ?;

-- name: stock_unweighed_of_orders
SELECT sku_id FROM stock_changes WHERE held = 0 AND effect = '' AND changed_at_ms > ? AND cause = 'order'
ORDER BY changed_at_ms LIMIT ?;

-- name: stock_weighed
UPDATE stock_changes SET effect = ?, before_units = ?, after_units = ? WHERE sku_id = ?;

-- name: stock_to_stage
SELECT sku_id, changed_at_ms, effect FROM stock_changes WHERE held = 0 AND effect <> '' LIMIT ?;

-- name: stock_settled
DELETE FROM stock_changes WHERE sku_id = ?;

-- name: stock_effects
SELECT held, effect, count(*) FROM stock_changes GROUP BY held, effect;

-- name: stock_hold
UPDATE stock_changes SET held = 1 WHERE sku_id IN (
    SELECT sku_id FROM stock_changes WHERE held = 0 AND effect IN ('zeroed', 'wild') LIMIT ?
);

-- name: stock_hold_cycle
UPDATE stock_changes SET held = 1 WHERE sku_id IN (
    SELECT sku_id FROM stock_changes WHERE held = 0 AND effect <> '' AND (cause <> 'order' OR effect <> 'usual') LIMIT ?
);

-- name: stock_let_go
UPDATE stock_changes SET held = 0, effect = ? WHERE sku_id IN (SELECT sku_id FROM stock_changes WHERE held = 1 LIMIT ?);

-- name: stock_held_sample
SELECT sku_id, effect, before_units, after_units FROM stock_changes
WHERE held = 1 AND effect IN ('zeroed', 'wild') ORDER BY effect DESC, changed_at_ms LIMIT ?;

-- name: stock_zeroed_put
INSERT INTO stock_zeroed (sku_id, at_ms) VALUES (?, ?) ON CONFLICT (sku_id) DO UPDATE SET at_ms = excluded.at_ms;

-- name: stock_zeroed_drop
DELETE FROM stock_zeroed WHERE sku_id = ?;

-- name: stock_zeroed_count
SELECT count(*) FROM stock_zeroed WHERE at_ms >= ?;

-- name: stock_zeroed_expire
DELETE FROM stock_zeroed WHERE at_ms < ?;

-- name: stock_zeroed_forget
DELETE FROM stock_zeroed;

-- name: stock_doubtful_put
INSERT INTO stock_doubtful (sku_id) VALUES (?) ON CONFLICT (sku_id) DO NOTHING;

-- name: stock_doubtful_drop
DELETE FROM stock_doubtful WHERE sku_id = ?;

-- name: stock_doubtful_after
SELECT sku_id FROM stock_doubtful WHERE sku_id > ? ORDER BY sku_id LIMIT ?;

-- TikTok said that a product is not on sale; the next reading of it tells the truth.
-- name: link_not_live
UPDATE links SET status = 'NOT_LIVE' WHERE sku_id = ?;

-- name: reservations_of_order
SELECT sku, units, remote_id, released_at_ms, counted FROM reservations WHERE order_id = ?;

-- name: reservation_put
INSERT INTO reservations (order_id, sku, units, remote_id, accepted_at_ms, released_at_ms, counted)
VALUES (?, ?, ?, '', NULL, NULL, 0)
ON CONFLICT (order_id, sku) DO UPDATE SET units = excluded.units;

-- name: reservation_drop
DELETE FROM reservations WHERE order_id = ? AND sku = ?;

-- name: reservations_accepted
UPDATE reservations SET remote_id = ?, accepted_at_ms = COALESCE(accepted_at_ms, ?),
    released_at_ms = COALESCE(released_at_ms, ?)
WHERE order_id = ?;

-- name: reservations_of_sku
SELECT order_id, sku, units, remote_id, accepted_at_ms, released_at_ms FROM reservations
WHERE sku = ? AND counted = 0 ORDER BY order_id;

-- name: reserved_units
SELECT sum(units) FROM reservations WHERE sku = ? AND counted = 0;

-- name: reservation_counted
UPDATE reservations SET counted = 1 WHERE order_id = ? AND sku = ?;

-- name: reservations_unexplained
SELECT order_id, sku FROM reservations WHERE counted = 0 AND released_at_ms IS NOT NULL AND released_at_ms < ? LIMIT ?;

-- TikTok has another stock of a SKU than the one it accepted from us: whatever is worked out next is sent. What is under
-- way may have come before that or after it, so its success does not count: `sent_version` of no version makes it go once
-- more (store/attempts.py).
-- name: stock_accepted_forget
UPDATE outbox SET accepted_digest = '', digest = CASE WHEN busy = 1 THEN digest ELSE '' END,
    sent_version = CASE WHEN busy = 1 THEN -1 ELSE sent_version END
WHERE flow = ? AND key = ? AND state IN ('done', 'sending', 'unknown');

-- A resync ends what a rollback has asked for.
-- name: resync_rolled_back
SELECT key FROM outbox WHERE flow = ? AND key > ? AND key <= ? AND state <> 'dropped' AND payload LIKE ?;

-- A resync sends again what TikTok has accepted, for a stretch of SKUs; what is being worked out anew goes its own way.
-- name: resync_again
UPDATE outbox SET state = ?, queued = 1, finished_at_ms = NULL, accepted_digest = '', rank_ms = ?, reason = ?,
    changed_at_ms = ?, updated_at_ms = ?, attempts = 0
WHERE flow = ? AND key > ? AND key <= ? AND state = ? AND busy = 0 AND digest <> ?
    AND NOT EXISTS (SELECT 1 FROM stock_changes WHERE stock_changes.sku_id = outbox.key)
    AND NOT EXISTS (
        SELECT 1 FROM links JOIN marks ON marks.sku IN (links.seller_sku, links.product_id) AND marks.preowned = 1
        WHERE links.sku_id = outbox.key
    );

-- SKUs of that stretch that were never sent: perhaps they can be now.
-- name: resync_never_sent
INSERT INTO stock_changes (sku_id, changed_at_ms, cause, held, effect)
SELECT sku_id, ?, ?, 0, '' FROM links
WHERE sku_id > ? AND sku_id <= ? AND gone_at_ms IS NULL AND kind = 'normal'
    AND NOT EXISTS (SELECT 1 FROM marks WHERE marks.sku IN (links.seller_sku, links.product_id) AND marks.preowned = 1)
    AND NOT EXISTS (SELECT 1 FROM stock_changes WHERE stock_changes.sku_id = links.sku_id)
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.flow = ? AND outbox.key = links.sku_id);

-- name: resync_stretch
SELECT max(sku_id), count(*) FROM (
    SELECT sku_id FROM links WHERE sku_id > ? AND gone_at_ms IS NULL ORDER BY sku_id LIMIT ?
);

-- Rows of a flow that wait behind everything else (LATE_MS).
-- name: outbox_late_count
SELECT (SELECT count(*) FROM outbox WHERE flow = ? AND queued = 1 AND rank_ms >= ?)
    + (SELECT count(*) FROM outbox WHERE flow = ? AND busy = 1 AND queued = 0 AND rank_ms >= ?);

-- name: exceptions_of_code
SELECT key, detail FROM exceptions WHERE flow = ? AND code = ? AND closed_at_ms IS NULL;

-- name: pushed_add
INSERT INTO pushed (sku_id, at_ms, before, after) VALUES (?, ?, ?, ?);

-- What each SKU had at an instant: what it had before its first change after it. (`at_ms + 0`: SKU by SKU, by its index.)
-- name: pushed_since
SELECT sku_id, before FROM pushed WHERE id IN (
    SELECT min(id) FROM pushed WHERE at_ms + 0 > ? AND sku_id > ? GROUP BY sku_id ORDER BY sku_id LIMIT ?
) ORDER BY sku_id;

-- name: pushed_by_span
SELECT min(at_ms), count(*) FROM pushed WHERE at_ms >= ? AND at_ms < ? GROUP BY at_ms / ? ORDER BY 1 DESC;

-- name: pushed_expire
DELETE FROM pushed WHERE id IN (SELECT id FROM pushed WHERE at_ms < ? ORDER BY at_ms LIMIT ?);

-- Whether any SKU at TikTok carries this seller SKU, or did.
-- name: link_known
SELECT 1 FROM links WHERE seller_sku = ? LIMIT 1;

-- name: unlinked_of_order
SELECT sku, due_at_ms FROM unlinked WHERE order_id = ? ORDER BY sku;

-- name: unlinked_orders
SELECT order_id FROM unlinked WHERE sku = ?;

-- name: unlinked_waits
SELECT 1 FROM unlinked WHERE sku = ? AND due_at_ms IS NOT NULL LIMIT 1;

-- name: unlinked_put
INSERT INTO unlinked (order_id, sku, due_at_ms) VALUES (?, ?, ?) ON CONFLICT (order_id, sku) DO NOTHING;

-- name: unlinked_drop
DELETE FROM unlinked WHERE order_id = ? AND sku = ?;

-- name: unlinked_due
SELECT DISTINCT order_id FROM unlinked WHERE due_at_ms <= ? LIMIT ?;

-- name: unlinked_told
UPDATE unlinked SET due_at_ms = NULL WHERE order_id = ? AND due_at_ms <= ?;

-- An update of this SKU got no answer; a later one that gets none begins the wait anew.
-- name: stock_unanswered_put
INSERT INTO stock_unanswered (sku_id, version, quiet_until_ms, look_at_ms) VALUES (?, ?, ?, ?)
ON CONFLICT (sku_id) DO UPDATE SET
    version = excluded.version, quiet_until_ms = excluded.quiet_until_ms, look_at_ms = excluded.look_at_ms;

-- The same where nobody knows what the call carried, but for a row that is still as it was when a call just got none.
-- name: stock_unanswered_unknown
INSERT INTO stock_unanswered (sku_id, version, quiet_until_ms, look_at_ms) VALUES (?, 0, ?, ?)
ON CONFLICT (sku_id) DO UPDATE SET
    version = 0, quiet_until_ms = excluded.quiet_until_ms, look_at_ms = excluded.look_at_ms
WHERE stock_unanswered.version <> ? OR stock_unanswered.quiet_until_ms <= ?;

-- name: stock_quiet_until
SELECT quiet_until_ms FROM stock_unanswered WHERE sku_id = ? AND quiet_until_ms > ? AND version <> ?;

-- name: stock_looks_due
SELECT sku_id, look_at_ms FROM stock_unanswered WHERE look_at_ms <= ? ORDER BY look_at_ms LIMIT ?;

-- name: stock_looked
DELETE FROM stock_unanswered WHERE sku_id = ? AND look_at_ms = ?;
