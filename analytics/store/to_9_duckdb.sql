INSERT INTO decision_key SELECT at_us, CAST(CAST('0x' || substr(md5(uid), 1, 8) AS BIGINT) - 2147483648 AS INTEGER),
  CAST(CAST('0x' || substr(md5(decision), 1, 8) AS BIGINT) - 2147483648 AS INTEGER)
  FROM decision WHERE opens ORDER BY at_us;
