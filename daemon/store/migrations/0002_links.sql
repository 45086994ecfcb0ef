-- The catalogue as it is linked: which SKU of TikTok is which SKU of Pipe17, and which warehouse is which location.

-- Products of the shop as last seen; the stamp says whether anything changed that Pipe17 should know of.
CREATE TABLE products (
    product_id  TEXT    PRIMARY KEY,
    status      TEXT    NOT NULL,
    stamp       TEXT    NOT NULL,
    version_ms  INTEGER NOT NULL,      -- TikTok's update time
    seen_at_ms  INTEGER NOT NULL,      -- start of the last reading that showed it
    gone_at_ms  INTEGER                -- since when TikTok does not have it any more
);
CREATE INDEX products_seen ON products (seen_at_ms) WHERE gone_at_ms IS NULL;

-- One row per TikTok SKU. A SKU that vanishes is marked and kept.
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
CREATE INDEX links_seller_sku ON links (seller_sku);
CREATE INDEX links_product    ON links (product_id);

-- Warehouses of the shop: for sales, for returns, and TikTok's own (FBT); each with its Pipe17 location.
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
