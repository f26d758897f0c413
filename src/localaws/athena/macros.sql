-- Trino's functions where DuckDB's differ. Each macro does what Trino's documentation says of the
-- function in its name: https://trino.io/docs/current/functions.html

-- The quotient of whole numbers, rounded half away from zero, as decimals are.
CREATE MACRO trino_divide(n, d) AS
    CAST(((2 * abs(n) + abs(d)) // (2 * abs(d))) * sign(n) * sign(d) AS DECIMAL(38, 0));

-- A text that a cast is to refuse is put in quotes, which no number or date has.
CREATE MACRO trino_only_if(x, pattern) AS
    CASE WHEN regexp_full_match(x, pattern) THEN x ELSE '''' || x || '''' END;
-- The digits without zeros in front, one before the point; the exponent counts what moved.
CREATE MACRO trino_mantissa(s, digits, whole, exponent) AS
    s || left(ltrim(digits, '0'), 1) || '.'
    || CASE WHEN rtrim(substr(ltrim(digits, '0'), 2), '0') = '' THEN '0'
        ELSE rtrim(substr(ltrim(digits, '0'), 2), '0') END
    || 'E' || (whole - 1 + exponent - (length(digits) - length(ltrim(digits, '0'))));
CREATE MACRO trino_scientific(t) AS
    trino_mantissa(regexp_extract(t, '^-?'), replace(regexp_extract(t, '^-?([0-9.]+)', 1), '.', ''),
        strpos(regexp_extract(t, '^-?([0-9.]+)', 1) || '.', '.') - 1,
        coalesce(TRY_CAST(regexp_extract(t, 'e([+-]?[0-9]+)$', 1) AS INTEGER), 0));
-- Doubles are written as Java does: 1.0E7, and plainly between a thousandth and ten million.
CREATE MACRO trino_double_text(x) AS CASE
    WHEN isnan(x) THEN 'NaN'
    WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END
    WHEN x = 0 OR (abs(x) >= 0.001 AND abs(x) < 10000000) THEN CAST(x AS VARCHAR)
    ELSE trino_scientific(CAST(x AS VARCHAR)) END;

-- numbers
CREATE MACRO trino_e() AS exp(1.0::DOUBLE);
CREATE MACRO trino_infinity() AS 'Infinity'::DOUBLE;
CREATE MACRO trino_nan() AS 'NaN'::DOUBLE;
CREATE MACRO trino_ln(x) AS CASE WHEN x < 0 THEN 'NaN'::DOUBLE WHEN x = 0 THEN '-Infinity'::DOUBLE ELSE ln(x) END;
CREATE MACRO trino_log2(x) AS trino_ln(x) / ln(2);
CREATE MACRO trino_log10(x) AS CASE WHEN x > 0 THEN log10(x) ELSE trino_ln(x) END;
CREATE MACRO trino_log(b, x) AS trino_ln(x) / trino_ln(b);
CREATE MACRO trino_power(x, y) AS pow(x::DOUBLE, y::DOUBLE);
CREATE MACRO trino_sqrt(x) AS CASE WHEN x < 0 THEN 'NaN'::DOUBLE ELSE sqrt(x) END;
CREATE MACRO trino_bitwise_and(x, y) AS (x::BIGINT & y::BIGINT);
CREATE MACRO trino_bitwise_or(x, y) AS (x::BIGINT | y::BIGINT);
CREATE MACRO trino_bitwise_xor(x, y) AS xor(x::BIGINT, y::BIGINT);
CREATE MACRO trino_bitwise_not(x) AS (~x::BIGINT);
CREATE MACRO trino_width_bucket(x, low, high, n) AS CASE
    WHEN x < low THEN 0 WHEN x >= high THEN n + 1
    ELSE floor((x::DOUBLE - low) * n / (high - low))::BIGINT + 1 END;
CREATE MACRO trino_cbrt(x) AS CASE WHEN pow(round(cbrt(x)), 3) = x THEN round(cbrt(x)) ELSE cbrt(x) END;

-- texts
CREATE MACRO trino_trim(x) AS trim(x, E' \t\n\r\f\v');
CREATE MACRO trino_ltrim(x) AS ltrim(x, E' \t\n\r\f\v');
CREATE MACRO trino_rtrim(x) AS rtrim(x, E' \t\n\r\f\v');
CREATE MACRO trino_substr
    (x, start) AS CASE WHEN start = 0 OR start < -length(x) THEN '' ELSE substr(x, start) END,
    (x, start, n) AS CASE WHEN start = 0 OR start < -length(x) OR n <= 0 THEN ''
        ELSE substr(x, start, n) END;
CREATE MACRO trino_replace
    (x, what) AS replace(x, what, ''),
    (x, what, other) AS replace(x, what, other);
CREATE MACRO trino_split(x, d) AS string_split(x, d);
CREATE MACRO trino_split_part(x, d, i) AS
    CASE WHEN i <= len(string_split(x, d)) THEN split_part(x, d, i) END;
CREATE MACRO trino_regexp_extract
    (x, p) AS CASE WHEN regexp_matches(x, p) THEN regexp_extract(x, p) END,
    (x, p, g) AS CASE WHEN regexp_matches(x, p) THEN regexp_extract(x, p, g) END;
CREATE MACRO trino_regexp_count(x, p) AS len(regexp_extract_all(x, p));

-- bytes
CREATE MACRO trino_md5(x) AS unhex(md5(x));
CREATE MACRO trino_sha1(x) AS unhex(sha1(x));
CREATE MACRO trino_sha256(x) AS unhex(sha256(x));

-- dates and times
CREATE MACRO trino_from_iso8601_date(x) AS CAST(trino_only_if(x, '\d{4}-\d{2}-\d{2}') AS DATE);
CREATE MACRO trino_from_iso8601_timestamp(x) AS
    CAST(trino_only_if(x, '\d{4}-\d{2}-\d{2}(T(\d{2}(:\d{2}(:\d{2}([.,]\d+)?)?)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?')
        AS TIMESTAMP WITH TIME ZONE);
-- Digits beyond microseconds, which DuckDB can't hold, are refused.
CREATE MACRO trino_from_iso8601_timestamp_nanos(x) AS
    CAST(trino_only_if(x, '\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?')
        AS TIMESTAMP WITH TIME ZONE);
CREATE MACRO trino_to_unixtime(x) AS epoch(x::TIMESTAMP WITH TIME ZONE);
CREATE MACRO trino_from_unixtime(x) AS to_timestamp(x::DOUBLE);
CREATE MACRO trino_with_timezone(x, zone) AS (x::TIMESTAMP AT TIME ZONE zone);
CREATE MACRO trino_millisecond(x) AS date_part('millisecond', x) % 1000;

-- arrays and maps
-- A message that is cast to a number fails with itself; unlike error(), TRY takes it.
CREATE MACRO trino_fail(message) AS CAST(message AS BIGINT);
CREATE MACRO trino_subscript(a, i) AS list_extract(a, CASE
    WHEN i < 1 THEN trino_fail('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1')
    WHEN i > len(a) THEN trino_fail('INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to array length: ' || i || ' > ' || len(a))
    ELSE i END);
CREATE MACRO trino_element_at(a, i) AS list_extract(a, CASE
    WHEN i = 0 THEN trino_fail('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1')
    ELSE i END);
CREATE MACRO trino_map_element(m, k) AS list_extract(map_extract(m, k), 1);
CREATE MACRO trino_map_subscript(m, k) AS list_extract(map_extract(m, k), CASE
    WHEN m IS NULL OR map_contains(m, k) THEN 1
    ELSE trino_fail('INVALID_FUNCTION_ARGUMENT: Key not present in map: ' || k) END);
CREATE MACRO trino_cardinality(x) AS CASE WHEN x IS NULL THEN NULL ELSE cardinality(x) END;
CREATE MACRO trino_contains(a, x) AS CASE
    WHEN list_contains(a, x) THEN true WHEN len(a) > list_count(a) THEN NULL ELSE list_contains(a, x) END;
-- What a condition gives for each element: true for one that is, unknown if one is unknown.
CREATE MACRO trino_any(b) AS CASE WHEN b IS NULL THEN NULL WHEN list_contains(b, true) THEN true
    WHEN len(b) > list_count(b) THEN NULL ELSE false END;
CREATE MACRO trino_all(b) AS CASE WHEN b IS NULL THEN NULL WHEN list_contains(b, false) THEN false
    WHEN len(b) > list_count(b) THEN NULL ELSE true END;
CREATE MACRO trino_array_distinct(a) AS
    list_filter(a, lambda x, i: coalesce(NOT list_contains(list_slice(a, 1, i - 1), x), true)
        AND (x IS NOT NULL OR len(list_slice(a, 1, i - 1)) = list_count(list_slice(a, 1, i - 1))));
CREATE MACRO trino_array_union(a, b) AS trino_array_distinct(list_concat(a, b));
CREATE MACRO trino_array_intersect(a, b) AS trino_array_distinct(list_filter(a, lambda x: list_contains(b, x)));
CREATE MACRO trino_array_except(a, b) AS trino_array_distinct(list_filter(a, lambda x: NOT list_contains(b, x)));
CREATE MACRO trino_array_join
    (a, d) AS array_to_string(list_filter(CAST(a AS VARCHAR[]), lambda x: x IS NOT NULL), d),
    (a, d, other) AS array_to_string(list_transform(CAST(a AS VARCHAR[]), lambda x: coalesce(x, other)), d);
CREATE MACRO trino_array_max(a) AS CASE WHEN len(a) = list_count(a) THEN list_max(a) END;
CREATE MACRO trino_array_min(a) AS CASE WHEN len(a) = list_count(a) THEN list_min(a) END;
CREATE MACRO trino_array_position(a, x) AS CASE WHEN a IS NULL OR x IS NULL THEN NULL ELSE coalesce(list_position(a, x), 0) END;
CREATE MACRO trino_array_remove(a, y) AS list_filter(a, lambda x: x IS NULL OR x <> y);
CREATE MACRO trino_array_sort(a) AS list_sort(a, 'ASC', 'NULLS LAST');
CREATE MACRO trino_repeat(x, n) AS list_transform(range(n), lambda i: x);
CREATE MACRO trino_slice(a, start, n) AS
    list_slice(a, CASE WHEN start < 0 THEN len(a) + start + 1 ELSE start END,
        CASE WHEN start < 0 THEN len(a) + start ELSE start - 1 END + n);
CREATE MACRO trino_map_from_entries(a) AS map_from_entries(a);

-- JSON: what isn't JSON, or isn't there, gives NULL
CREATE MACRO trino_json_value(x, path) AS
    CASE WHEN json_valid(x) THEN json_extract(CAST(x AS JSON), path) END;
CREATE MACRO trino_json_scalar(x) AS CASE WHEN json_type(x) IN ('OBJECT', 'ARRAY') THEN CAST(x AS VARCHAR) ELSE json_extract_string(x, '$') END;
CREATE MACRO trino_json_extract(x, path) AS trino_json_value(x, path);
-- DuckDB reads fractions as doubles: the digits are taken from where they stand in the text.
CREATE MACRO trino_json_digits(x, n) AS coalesce(list_extract(list_filter(
    regexp_extract_all(CAST(x AS VARCHAR), '[:,\[]\s*(-?[0-9]+[0-9.eE+-]*)', 1),
    lambda t: TRY_CAST(t AS DOUBLE) = n), 1), CAST(n AS VARCHAR));
CREATE MACRO trino_json_extract_scalar(x, path) AS CASE json_type(trino_json_value(x, path))
    WHEN 'OBJECT' THEN NULL WHEN 'ARRAY' THEN NULL
    WHEN 'DOUBLE' THEN trino_json_digits(x, CAST(trino_json_value(x, path) AS DOUBLE))
    ELSE json_extract_string(trino_json_value(x, path), '$') END;
CREATE MACRO trino_json_parse(x) AS json(x);
CREATE MACRO trino_json_format(x) AS CAST(x AS VARCHAR);
CREATE MACRO trino_json_array_length(x) AS
    CASE WHEN json_valid(x) AND json_type(x) = 'ARRAY' THEN json_array_length(x) END;
CREATE MACRO trino_json_array_contains(x, y) AS
    CASE WHEN json_valid(x) AND json_type(x) = 'ARRAY' THEN list_contains(CAST(x AS JSON[]), to_json(y)) END;
CREATE MACRO trino_json_size(x, path) AS CASE json_type(trino_json_value(x, path))
    WHEN 'OBJECT' THEN len(json_keys(trino_json_value(x, path)))
    WHEN 'ARRAY' THEN json_array_length(trino_json_value(x, path))
    ELSE CASE WHEN trino_json_value(x, path) IS NOT NULL THEN 0 END END;
CREATE MACRO trino_is_json_scalar(x) AS json_type(x) NOT IN ('OBJECT', 'ARRAY');

-- files: a whole number is digits and nothing else; what is no value of its type is refused
CREATE MACRO trino_digits(x) AS CASE WHEN regexp_full_match(x, '[+-]?[0-9]+') THEN x END;
CREATE MACRO trino_refuse(x, problem) AS CASE WHEN x IS NOT NULL THEN error(problem || x) END;

-- aggregates: the lowest 64 bits of a sum of hashes
CREATE MACRO trino_checksum_bytes(x) AS
    unhex(printf('%016x', (x % 18446744073709551616::HUGEINT)::UBIGINT));
