-- Not a statement: what all reports say of a group of orders (include).
-- Grain: one row per group.
-- Inputs: rows of sold.sql.
-- Late data: as in the report that includes it.
    count(*) AS orders,
    coalesce(sum(quantity), 0) AS units,
    coalesce(sum(total), 0) AS total_sales,
    count_if(kept) AS net_orders,
    coalesce(sum(quantity) FILTER (WHERE kept), 0) AS net_units,
    coalesce(sum(total) FILTER (WHERE kept), 0) AS net_sales
