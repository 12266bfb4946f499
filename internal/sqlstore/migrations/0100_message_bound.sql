-- How many messages went to somebody lately is asked with each notice that goes out.

CREATE INDEX notice_deliveries_lately ON notice_deliveries (owner, created_at);
