"""Person records: schema, crops, TFRecord shards and their index."""
