-- A post that was held up somewhere while its agent went on with another collector says what was so before.

alter table jvm add column if not exists last_sent bigint not null default 0;

comment on column jvm.last_sent is 'Clock of the JVM when it sent the newest post that was heard, nanoseconds since the epoch';
