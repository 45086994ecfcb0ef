-- SKUs of which a stock update got no answer: it may still land (flows/stock_unanswered.py).
CREATE TABLE stock_unanswered (
    sku_id         TEXT    PRIMARY KEY,
    version        INTEGER NOT NULL,    -- of the row that the call carried; 0: not known, a crash cut it off
    quiet_until_ms INTEGER NOT NULL,    -- nothing else is sent for the SKU before then
    look_at_ms     INTEGER NOT NULL     -- nothing can land any more: TikTok is asked for the quantities once more
);
CREATE INDEX stock_unanswered_looks ON stock_unanswered (look_at_ms);
