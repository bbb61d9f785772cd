-- The tiers of docs/spec/data-model.md: a row per minute, quarter of an hour and hour of each type and key, which add up without loss.

create table metric_1m (
    jvm_id uuid        not null,
    type   text        not null,
    key    text        not null,
    ts     timestamptz not null,
    n      int         not null,
    agg    jsonb       not null,
    hist   jsonb       not null,
    primary key (jvm_id, type, key, ts)
) partition by range (ts);

create table metric_15m (like metric_1m including all) partition by range (ts);

create table metric_1h (like metric_1m including all) partition by range (ts);

comment on table metric_1m is 'What one type and key of a JVM came to in one minute';
comment on table metric_15m is 'The same of a quarter of an hour';
comment on table metric_1h is 'The same of an hour';
comment on column metric_1m.n is 'Events of it';
comment on column metric_1m.agg is 'Per field [n, min, max, sum], [n, value] where all were equal, a plain total, or a text';
comment on column metric_1m.hist is 'Per field a histogram: see pitot_buckets; a field that is not there had one value only';

create table rollup_due (
    jvm_id uuid        not null,
    tier   text        not null check (tier in ('15m', '1h')),
    ts     timestamptz not null,
    primary key (jvm_id, tier, ts)
) with (fillfactor = 50);

comment on table rollup_due is 'Bins of the coarser tiers that something beneath has changed, until they were made anew';

-- 16 buckets to each power of two: the middle of one is at most 3.2 % from any value in it.
create function pitot_bucket(value float8) returns int
language sql immutable strict parallel safe as $$
    select case
        when abs(value) < 2::float8 ^ -64 then 0
        else sign(value)::int * (1 + 16 * (64 + e) + least(15, greatest(0, floor((abs(value) / 2::float8 ^ e - 1) * 16)::int)))
    end
    from (
        -- The logarithm is rounded: it may be one off beside a power of two.
        select case
            when abs(value) >= 2::float8 ^ (l + 1) then l + 1
            when abs(value) < 2::float8 ^ l then l - 1
            else l
        end as e
        from (select case when abs(value) < 2::float8 ^ -64 then 0 else floor(ln(abs(value)) / ln(2::float8))::int end as l) as rounded
    ) as exponent
$$;

create function pitot_bucket_middle(bucket int) returns float8
language sql immutable strict parallel safe as $$
    select case
        when bucket = 0 then 0
        else sign(bucket) * 2::float8 ^ ((abs(bucket) - 1) / 16 - 64) * (1 + ((abs(bucket) - 1) % 16 + 0.5) / 16)
    end
$$;

comment on function pitot_bucket is 'The bucket of a value in the histograms of metric_1m, metric_15m and metric_1h';
comment on function pitot_bucket_middle is 'The middle of a bucket';

-- Not strict, so that it becomes a part of the query.
create function pitot_buckets(hist text) returns table (bucket int, n bigint)
language sql immutable parallel safe rows 20 as $$
    select (sum(split_part(pair, ':', 1)::int) over (order by place))::int, coalesce(nullif(split_part(pair, ':', 2), '')::bigint, 1)
    from unnest(string_to_array(hist, ' ')) with ordinality as pairs (pair, place)
$$;

comment on function pitot_buckets is 'A histogram of metric_1m, metric_15m or metric_1h: how many values were in which bucket';

-- As the tiers write a number: whole ones up to 2^53 as they are, others with nine significant digits.
create function pitot_digits(value numeric) returns numeric
language sql immutable strict parallel safe as $$
    select trim_scale(case
        when value = trunc(value) and abs(value) < 9007199254740992 then value
        else round(value, 8 - floor(log(abs(value::float8)))::int)
    end)
$$;

comment on function pitot_digits is 'A number as metric_1m, metric_15m and metric_1h have it';

-- Who reads which collector's memory, who changed what, and what is kept beyond its time.

create table collector (
    collector_id uuid        not null primary key,
    address      text        not null,
    secret       text        not null,
    version      text        not null,
    started_at   timestamptz not null,
    last_seen    timestamptz not null
);

comment on table collector is 'The collectors on this database that were heard of lately';
comment on column collector.secret is 'What another collector on this database must say to read its memory';

alter table jvm add column collector_id uuid;

comment on column jvm.collector_id is 'The collector that was sent its newest post';

create table setting (
    name       text        not null primary key,
    value      jsonb       not null,
    changed_at timestamptz not null,
    changed_by text        not null
);

comment on table setting is 'What people have set; what is not here is as docs/spec/configuration.md says';

create table audit (
    audit_id uuid        not null primary key,
    at       timestamptz not null,
    who      text        not null,
    what     text        not null,
    before   jsonb,
    after    jsonb
);

comment on table audit is 'Every change of a setting or a pin';

create table pin (
    jvm_id     uuid        not null,
    pin_id     uuid        not null,
    from_ts    timestamptz not null,
    to_ts      timestamptz not null,
    note       text        not null,
    created_at timestamptz not null,
    created_by text        not null,
    primary key (jvm_id, pin_id)
);

comment on table pin is 'Windows of a JVM that no retention drops';
