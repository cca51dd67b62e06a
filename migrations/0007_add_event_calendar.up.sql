-- Days that were added in one step (the holidays of a country) can be taken away in one step.
alter table events add column calendar text;
