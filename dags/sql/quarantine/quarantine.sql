-- The quarantine: what failed, why, and whether somebody has to look at it.
-- Grain: one row per distinct payload, known by its digest.
-- Inputs: quarantined_records, quarantine_reasons and redrives, all of them.
-- Late data: a payload that fails again counts again, and waits again: `times` is higher than the
-- number of failures that its last redrive knew of. No clocks are compared for that.
CREATE OR REPLACE VIEW quarantine AS
WITH failures AS (
    SELECT
        lower(to_hex(sha256(from_base64(rawdata)))) AS payload_digest,
        try(from_utf8(from_base64(rawdata))) AS payload,
        attemptendingtimestamp AS failed_at,
        errorcode || ': ' || errormessage AS error,
        "$path" AS path
    FROM quarantined_records
),
payloads AS (
    SELECT
        payload_digest,
        max(payload) AS payload,
        count(*) AS times,
        min(failed_at) AS first_failed_at,
        max(failed_at) AS last_failed_at,
        max_by(error, failed_at) AS error,
        max_by(path, failed_at) AS path
    FROM failures
    GROUP BY payload_digest
),
reasons AS (
    SELECT payload_digest, max_by(reason, failed_at) AS reason
    FROM quarantine_reasons
    GROUP BY payload_digest
),
redriven AS (
    SELECT payload_digest, max(failures) AS failures, max(redriven_at) AS last_redriven_at
    FROM redrives
    GROUP BY payload_digest
)
SELECT
    payloads.payload_digest,
    coalesce(reasons.reason, payloads.error) AS reason,
    coalesce(
        json_extract_scalar(payloads.payload, '$.dynamodb.Keys.orderid.S'),
        json_extract_scalar(payloads.payload, '$.dynamodb.Keys.orderid.N')
    ) AS orderid,
    json_extract_scalar(payloads.payload, '$.eventID') AS event_id,
    json_extract_scalar(payloads.payload, '$.eventName') AS event_type,
    payloads.payload,
    CAST(from_unixtime(payloads.first_failed_at / 1e3) AT TIME ZONE 'UTC' AS timestamp) AS first_failed_at,
    CAST(from_unixtime(payloads.last_failed_at / 1e3) AT TIME ZONE 'UTC' AS timestamp) AS last_failed_at,
    payloads.times,
    redriven.last_redriven_at,
    payloads.times > coalesce(redriven.failures, 0) AS waiting,
    payloads.path
FROM payloads
LEFT JOIN reasons ON reasons.payload_digest = payloads.payload_digest
LEFT JOIN redriven ON redriven.payload_digest = payloads.payload_digest
