drop table audit_entries, tokens, sessions, users, organizations;
