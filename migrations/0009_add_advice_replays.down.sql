drop table advice_replays;
