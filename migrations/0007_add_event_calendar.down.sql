alter table events drop column calendar;
