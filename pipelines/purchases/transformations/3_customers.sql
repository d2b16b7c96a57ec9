-- A rule, not a model: what a customer is worth is the amount times a factor of the segment.
CREATE STREAMING TABLE customer_scores
COMMENT 'Features of each purchase, and the customer value that a rule predicts'
AS SELECT event_id, ts, user_id, user_segment, category, final_amount,
          hour(ts) AS hour,
          dayofweek(ts) AS day_of_week,
          CASE WHEN dayofweek(ts) IN (1, 7) THEN 1 ELSE 0 END AS is_weekend,
          final_amount / nullif(quantity, 0) AS price_per_quantity,
          CASE WHEN discount_rate > 0.1 THEN 'high'
               WHEN discount_rate > 0.05 THEN 'medium'
               ELSE 'low' END AS discount_category,
          final_amount * CASE user_segment WHEN 'premium' THEN 10 WHEN 'regular' THEN 5 ELSE 3 END AS predicted_clv
FROM STREAM purchase
WHERE user_id IS NOT NULL;
