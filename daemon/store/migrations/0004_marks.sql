-- What people set at products of Pipe17 that decides about stock; a product without any of it has no row.
CREATE TABLE marks (
    sku          TEXT    PRIMARY KEY, -- of Pipe17; a parent's is the id of the TikTok product
    preowned     INTEGER NOT NULL,    -- 1: one of a kind; sold means off sale
    buffer_units INTEGER NOT NULL     -- units kept back from TikTok
);

-- Warehouses of the shop that were switched off or on, or became the default one: the SKUs kept there are worked out
-- anew, stretch by stretch.
CREATE TABLE warehouse_changes (
    warehouse_id  TEXT    PRIMARY KEY,
    position      TEXT    NOT NULL,    -- the last SKU id that was looked at
    changed_at_ms INTEGER NOT NULL
);
