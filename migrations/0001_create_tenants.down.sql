drop table organization;
