-- The catalogue of gadgets, as a view.
-- Grain: one row per product; its name is unique.
-- Inputs: none: the catalogue is part of the project, and this view is renewed from it.
-- Late data: none.
CREATE OR REPLACE VIEW products AS
SELECT
    name, category, brand, CAST(list_price AS decimal(18, 4)) AS list_price, opening_stock,
    reorder_point, lead_time_days
FROM (
    VALUES
{%- for product in catalogue %}
        ('{{ product.name }}', '{{ product.category }}', '{{ product.brand }}', DECIMAL '{{ product.list_price }}', {{ product.opening_stock }}, {{ product.reorder_point }}, {{ product.lead_time_days }}){{ "," if not loop.last }}
{%- endfor %}
) AS catalogue (name, category, brand, list_price, opening_stock, reorder_point, lead_time_days)
