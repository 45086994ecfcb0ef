-- SKUs of orders that stand in no product which was read from the shop (store/unlinked.py).
CREATE TABLE unlinked (
    order_id  TEXT    NOT NULL,
    sku       TEXT    NOT NULL,    -- seller SKU
    due_at_ms INTEGER,             -- when a person is told; none: was told
    PRIMARY KEY (order_id, sku)
);
CREATE INDEX unlinked_sku ON unlinked (sku);
CREATE INDEX unlinked_due ON unlinked (due_at_ms) WHERE due_at_ms IS NOT NULL;
