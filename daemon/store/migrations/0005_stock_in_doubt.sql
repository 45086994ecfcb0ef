-- Stock where something is not known: locations that Pipe17 may exclude, SKUs of orders that no product has, updates
-- that got no answer.

-- Which locations have stock, and SKUs of one of them in the order of SKUs: for the looks that find out which locations
-- are excluded in Pipe17, and for marking what is kept at one. Rows of nothing but zeros are of no use there.
CREATE INDEX levels_place ON levels (location_id, sku)
WHERE on_hand <> 0 OR committed <> 0 OR future <> 0 OR committed_future <> 0;

-- SKUs of orders that stand in no product which was read from the shop (store/unlinked.py).
CREATE TABLE unlinked (
    order_id  TEXT    NOT NULL,
    sku       TEXT    NOT NULL,    -- seller SKU
    due_at_ms INTEGER,             -- when a person is told; none: was told
    PRIMARY KEY (order_id, sku)
);
CREATE INDEX unlinked_sku ON unlinked (sku);
CREATE INDEX unlinked_due ON unlinked (due_at_ms) WHERE due_at_ms IS NOT NULL;

-- SKUs of which a stock update got no answer: it may still land (flows/stock_unanswered.py).
CREATE TABLE stock_unanswered (
    sku_id         TEXT    PRIMARY KEY,
    version        INTEGER NOT NULL,    -- of the row that the call carried; 0: not known, a crash cut it off
    quiet_until_ms INTEGER NOT NULL,    -- nothing else is sent for the SKU before then
    look_at_ms     INTEGER NOT NULL     -- nothing can land any more: TikTok is asked for the quantities once more
);
CREATE INDEX stock_unanswered_looks ON stock_unanswered (look_at_ms);
