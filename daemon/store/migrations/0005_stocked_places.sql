-- Which locations have stock, and SKUs of one of them in the order of SKUs: for the looks that find out which locations
-- are excluded in Pipe17, and for marking what is kept at one. Rows of nothing but zeros are of no use there.
CREATE INDEX levels_place ON levels (location_id, sku)
WHERE on_hand <> 0 OR committed <> 0 OR future <> 0 OR committed_future <> 0;
