-- How many orders changed in the last hours, beside the same hours of the days before.
-- Grain: one row; what is judged is its first value: 1 is as usual, and also if little is known.
-- Inputs: merges of the last days; the number of orders that are yet to be merged.
-- Late data: orders count when they are merged. What is usual is the median of the days that had
-- orders in those hours; it takes a few such days to know.
SELECT
    coalesce(CASE WHEN days >= {{ quality.VOLUME_DAYS_NEEDED }} THEN orders / nullif(usual, 0) END, 1) AS ratio,
    orders,
    usual
FROM (
    SELECT
        {{ task.new_orders }} + coalesce(sum(CASE WHEN days_ago = 0 THEN orders END), 0) AS orders,
        CAST(approx_percentile(CASE WHEN days_ago > 0 THEN orders END, 0.5) AS double) AS usual,
        count_if(days_ago > 0) AS days
    FROM (
        SELECT age / 86400 AS days_ago, sum(orders) AS orders
        FROM (
            SELECT
                date_diff(
                    'second', merged_at, CAST(current_timestamp AT TIME ZONE 'UTC' AS timestamp(6))
                ) AS age,
                orders
            FROM merges
        ) AS aged
        WHERE age < {{ (quality.VOLUME_DAYS + 1) * 86400 }}
            AND age % 86400 < {{ quality.VOLUME_HOURS * 3600 }}
            AND orders > 0
        GROUP BY age / 86400
    ) AS spans
) AS compared
