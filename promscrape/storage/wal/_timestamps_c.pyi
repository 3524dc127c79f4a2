from promscrape.storage.wal._timestamps_py import advance as advance
