-- Plain rows for people out of the tiers, and what event search needs.

-- Slow single spans by how long they took: 15 to 28 % of the CPU time that storing such events takes, where one of all durations took
-- 86 %. The index compares JSON, which no text or list in the place of a number breaks; those are not in it.
create index event_by_duration on event (jvm_id, type, (data -> 'duration'), ts)
where data -> 'duration' >= '100000000' and data -> 'duration' <= '9223372036854775807';

-- Histograms of the tiers.

create function pitot_percentile(hist text, share float8) returns float8
language sql immutable strict parallel safe as $$
    select pitot_bucket_middle(bucket)
    from (
        select bucket, sum(n) over (order by bucket) as up_to_here, sum(n) over () as so_many
        from pitot_buckets(nullif(hist, ''))
    ) ranks
    where up_to_here >= greatest(1, ceil(share * so_many))
    order by bucket
    limit 1
$$;

comment on function pitot_percentile(text, float8) is 'The value that a share (0.99) of those in a histogram does not exceed, at most 3.2 % off';

create function pitot_percentile(hist text, share float8, lowest float8, highest float8) returns float8
language sql immutable parallel safe as $$
    select case when p < lowest then lowest when p > highest then highest else p end from (select pitot_percentile(hist, share) as p) middle
$$;

comment on function pitot_percentile(text, float8, float8, float8) is 'The same, no less than the least and no more than the greatest value; null: not known';

create function pitot_hist_sum(hists text[]) returns text
language sql immutable strict parallel safe as $$
    select string_agg(step || case n when 1 then '' else ':' || n end, ' ' order by bucket)
    from (
        select bucket, bucket - lag(bucket, 1, 0) over (order by bucket) as step, sum(n) as n
        from unnest(hists) as hist
        cross join lateral pitot_buckets(nullif(hist, ''))
        group by bucket
    ) pairs
$$;

comment on function pitot_hist_sum is 'All histograms as one';

create aggregate pitot_hist(text) (
    sfunc = array_append,
    stype = text[],
    combinefunc = array_cat,
    finalfunc = pitot_hist_sum,
    parallel = safe
);

comment on aggregate pitot_hist(text) is 'Histograms of several rows as one, for pitot_percentile';

-- A field of which all values were equal has no histogram of its own.
create function pitot_hist_of(agg jsonb, hist jsonb, field text) returns text
language sql immutable strict parallel safe as $$
    select case
        when hist ? field then hist ->> field
        when jsonb_typeof(agg -> field) = 'array' and jsonb_array_length(agg -> field) = 2
        then pitot_bucket((agg -> field ->> 1)::float8) || ':' || (agg -> field ->> 0)
    end
$$;

comment on function pitot_hist_of is 'The histogram of a field of a row of metric_1m, metric_15m or metric_1h';

-- Columns of data whose JSON is no number are null, whatever a JVM sent.
create function pitot_number(value jsonb) returns float8
language sql immutable strict parallel safe as $$
    select case jsonb_typeof(value) when 'number' then value::float8 end
$$;

comment on function pitot_number is 'A JSON number; null for anything else';

-- Samples. The view of before went by jvm_id and had texts for numbers; it stays under another name, for views of the user's own that stand on it.
alter view samples rename to samples_as_text;

comment on view samples_as_text is 'As samples was before schema version 9; use samples';

create view samples as
select
    b.jvm_id as jvm,
    j.service,
    b.ts + pitot_number(s.ms) * interval '1 millisecond' as ts,
    b.type,
    b.key,
    f.field,
    pitot_number(s.value) as value,
    case jsonb_typeof(s.value) when 'string' then s.value #>> '{}' when 'boolean' then s.value #>> '{}' end as text,
    b.ts as block_start,
    b.jvm_id
from metric_block b
left join jvm j using (jvm_id)
cross join lateral jsonb_each(b.data - 't') as f (field, "values")
cross join lateral rows from (jsonb_array_elements(b.data -> 't'), jsonb_array_elements(f."values")) as s (ms, value);

comment on view samples is 'Every metric sample: one row per time and field. Give jvm and block_start, which reach the table, or use samples_between';
comment on column samples.jvm is 'jvm.jvm_id';
comment on column samples.ts is 'Time of the sample, the clock of the JVM; computed: a condition on it alone reads all that is stored';
comment on column samples.type is 'Name of the event, as docs/spec/events.md has it';
comment on column samples.key is 'Which disk, core, kind of threads or the like; empty for types that measure one thing';
comment on column samples.value is 'The number; null where it could not be had, and for texts';
comment on column samples.text is 'The text of a field that is one';
comment on column samples.block_start is 'The minute it is of: a condition on it reaches the partitions';
comment on column samples.jvm_id is 'The same as jvm';

create function samples_between(of_jvm uuid, from_ts timestamptz, to_ts timestamptz) returns setof samples
language sql stable parallel safe as $$
    select * from samples
    where (of_jvm is null or jvm = of_jvm) and block_start > from_ts - interval '1 minute' and block_start < to_ts and ts >= from_ts and ts < to_ts
$$;

comment on function samples_between is 'Samples of a JVM, or of all (null), from one time on to before another; reads only the days that it must';

create view events as
select e.jvm_id as jvm, j.service, e.ts, e.type, e.data, e.chunk_start, e.chunk_offset, e.jvm_id
from event e
left join jvm j using (jvm_id);

comment on view events is 'Every stored event. Give jvm, type and ts, which reach the index';
comment on column events.jvm is 'jvm.jvm_id';
comment on column events.ts is 'Start of the event, the clock of the JVM';
comment on column events.type is 'Name of the event, as docs/spec/events.md has it';
comment on column events.data is 'Its fields; time spans are nanoseconds';
comment on column events.chunk_start is 'With chunk_offset: where it is in the recording';

-- Single statements make room for those of the tiers.
alter view statements rename to sql_statements;

do $views$
declare
    tier record;
    columns text;
begin
    for tier in select * from (values
        ('metric_1m', '', 'minute', 'metrics_by_minute'),
        ('metric_15m', '_by_quarter', 'quarter of an hour', 'metrics_by_quarter'),
        ('metric_1h', '_by_hour', 'hour', 'metrics_by_hour')) as tiers (source, suffix, bin, metrics)
    loop
        -- What endpoints and statements have alike. duration is [n, null, max, sum] of the spans whose end was seen.
        columns := $c$
            pitot_number(m.agg -> 'errors') as errors,
            pitot_number(m.agg -> 'duration' -> 3) / 1e6 / nullif(pitot_number(m.agg -> 'duration' -> 0), 0) as mean_ms,
            pitot_percentile(m.hist ->> 'duration', 0.5, null, pitot_number(m.agg -> 'duration' -> 2)) / 1e6 as p50_ms,
            pitot_percentile(m.hist ->> 'duration', 0.9, null, pitot_number(m.agg -> 'duration' -> 2)) / 1e6 as p90_ms,
            pitot_percentile(m.hist ->> 'duration', 0.99, null, pitot_number(m.agg -> 'duration' -> 2)) / 1e6 as p99_ms,
            pitot_number(m.agg -> 'duration' -> 2) / 1e6 as max_ms,
            pitot_number(m.agg -> 'totalCpuTime') / 1e6 / nullif(pitot_number(m.agg -> 'measured'), 0) as cpu_ms_per_request,
            pitot_number(m.agg -> 'totalAllocated') / nullif(pitot_number(m.agg -> 'measured'), 0) as bytes_per_request,
            pitot_number(m.agg -> 'totalInstructions') / nullif(pitot_number(m.agg -> 'counted'), 0) as instructions_per_request,
            pitot_number(m.agg -> 'duration' -> 0) as timed,
            pitot_number(m.agg -> 'duration' -> 3) / 1e6 as duration_ms,
            pitot_number(m.agg -> 'measured') as measured,
            pitot_number(m.agg -> 'totalCpuTime') / 1e6 as cpu_ms,
            pitot_number(m.agg -> 'totalRunQueueWait') / 1e6 as run_queue_ms,
            pitot_number(m.agg -> 'totalAllocated') as allocated_bytes,
            pitot_number(m.agg -> 'counted') as counted,
            pitot_number(m.agg -> 'totalCycles') as cycles,
            pitot_number(m.agg -> 'totalInstructions') as instructions,
            pitot_number(m.agg -> 'totalCacheMisses') as cache_misses,
            m.hist ->> 'duration' as hist
        $c$;
        execute format($v$
            create view %I as
            select m.jvm_id as jvm, j.service, m.ts, split_part(m.key, ' ', 1) as method, substr(m.key, strpos(m.key, ' ') + 1) as route,
                pitot_number(m.agg -> 'count') as requests, %s,
                pitot_number(m.agg -> 'sqlStatements') as sql_statements,
                pitot_number(m.agg -> 'sqlDuration') / 1e6 as sql_duration_ms,
                pitot_number(m.agg -> 'httpCalls') as http_calls,
                pitot_number(m.agg -> 'loggedErrors') as logged_errors,
                pitot_number(m.agg -> 'unfollowedTasks') as unfollowed_tasks
            from %I m left join jvm j using (jvm_id)
            where m.type = 'pitot.EndpointSummary'$v$, 'endpoints' || tier.suffix, columns, tier.source);
        execute format($v$
            create view %I as
            select m.jvm_id as jvm, j.service, m.ts, m.key as statement, t.sql, pitot_number(m.agg -> 'count') as runs, %s
            from %I m left join jvm j using (jvm_id) left join sql_text t on t.jvm_id = m.jvm_id and t.statement = m.key
            where m.type = 'pitot.StatementSummary'$v$,
            'statements' || tier.suffix, replace(columns, 'per_request', 'per_run'), tier.source);
        -- [n, min, max, sum], [n, value], a total or a text: an element behind the first that is not there is null whatever the JSON is.
        execute format($v$
            create view %I as
            select m.jvm_id as jvm, j.service, m.ts, m.type, m.key, f.field,
                case jsonb_typeof(f.value) when 'array' then pitot_number(f.value -> 0) end as n,
                pitot_number(f.value -> 1) as min,
                pitot_number(case when f.value -> 3 is null then f.value -> 1 else f.value -> 2 end) as max,
                case when f.value -> 3 is null then pitot_number(f.value -> 1) else pitot_number(f.value -> 3) / nullif(pitot_number(f.value -> 0), 0) end as avg,
                case when jsonb_typeof(f.value) <> 'array' then pitot_number(f.value)
                    when f.value -> 3 is null then pitot_number(f.value -> 1) * pitot_number(f.value -> 0)
                    else pitot_number(f.value -> 3) end as sum,
                pitot_percentile(pitot_hist_of(m.agg, m.hist, f.field), 0.5, pitot_number(f.value -> 1), pitot_number(case when f.value -> 3 is null then f.value -> 1 else f.value -> 2 end)) as p50,
                pitot_percentile(pitot_hist_of(m.agg, m.hist, f.field), 0.99, pitot_number(f.value -> 1), pitot_number(case when f.value -> 3 is null then f.value -> 1 else f.value -> 2 end)) as p99,
                pitot_hist_of(m.agg, m.hist, f.field) as hist,
                case when jsonb_typeof(f.value) = 'string' then f.value #>> '{}' end as text
            from %I m left join jvm j using (jvm_id) cross join lateral jsonb_each(m.agg) as f (field, value)$v$, tier.metrics, tier.source);
        execute format('comment on view %I is %L', 'endpoints' || tier.suffix,
            'What each endpoint of each JVM served in each ' || tier.bin || ': sums, and percentiles of all requests whose end was seen');
        execute format('comment on view %I is %L', 'statements' || tier.suffix, 'How each SQL statement of each JVM ran in each ' || tier.bin);
        execute format('comment on view %I is %L', tier.metrics, 'What each field of each metric and summary came to in each ' || tier.bin);
        execute format('comment on column %I.hist is %L', 'endpoints' || tier.suffix, 'Histogram of durations in ns: pitot_percentile(pitot_hist(hist), 0.99) / 1e6 of any rows');
        execute format('comment on column %I.hist is %L', 'statements' || tier.suffix, 'Histogram of durations in ns: pitot_percentile(pitot_hist(hist), 0.99) / 1e6 of any rows');
        execute format('comment on column %I.hist is %L', tier.metrics, 'Histogram of the values: pitot_percentile(pitot_hist(hist), 0.99) of any rows');
        execute format('comment on column %I.sum is %L', tier.metrics, 'Sum of the values; of summaries the total');
        execute format('comment on column %I.ts is %L', 'endpoints' || tier.suffix, 'Start of the ' || tier.bin);
        execute format('comment on column %I.ts is %L', 'statements' || tier.suffix, 'Start of the ' || tier.bin);
        execute format('comment on column %I.ts is %L', tier.metrics, 'Start of the ' || tier.bin);
    end loop;
end
$views$;

-- The columns that were there come first and keep their types, so that views of the user's own which stand on them go on to work.
create or replace view span_seconds as
select
    e.jvm_id, j.service, e.ts, e.type, d."method", d.route, d.statement, d.target, d.pool,
    trim_scale(round(d."interval" / 1e6, 6)) as interval_ms,
    d.count, d.errors,
    coalesce(d.untimed, d.async, 0) as untimed,
    coalesce(d.async, 0) as async,
    d.count - coalesce(d.untimed, d.async, 0) as timed,
    trim_scale(round(d."totalDuration" / 1e6, 6)) as duration_ms,
    trim_scale(round(d."maxDuration" / 1e6, 6)) as max_ms,
    d.histogram, d.measured,
    trim_scale(round(case when d."totalCpuTime" >= 0 then d."totalCpuTime" end / 1e6, 6)) as cpu_ms,
    trim_scale(round(case when d."totalRunQueueWait" >= 0 then d."totalRunQueueWait" end / 1e6, 6)) as run_queue_ms,
    trim_scale(round(case when d."totalOwnCpuTime" >= 0 then d."totalOwnCpuTime" end / 1e6, 6)) as own_cpu_ms,
    trim_scale(round(case when d."totalOwnRunQueueWait" >= 0 then d."totalOwnRunQueueWait" end / 1e6, 6)) as own_run_queue_ms,
    case when d."totalAllocated" >= 0 then d."totalAllocated" end as allocated_bytes,
    case when d."totalOwnAllocated" >= 0 then d."totalOwnAllocated" end as own_allocated_bytes,
    d.counted, d."totalContextSwitches" as context_switches, d."totalPageFaults" as page_faults, d."totalCycles" as cycles,
    d."totalInstructions" as instructions, d."totalCacheMisses" as cache_misses, d."totalBranchMisses" as branch_misses,
    d."totalOwnContextSwitches" as own_context_switches, d."totalOwnPageFaults" as own_page_faults, d."totalOwnCycles" as own_cycles,
    d."totalOwnInstructions" as own_instructions, d."totalOwnCacheMisses" as own_cache_misses, d."totalOwnBranchMisses" as own_branch_misses,
    d."totalInstructions" / nullif(d."totalCycles", 0) as ipc,
    d."totalCacheMisses" / nullif(d."totalInstructions", 0) * 1000 as cache_mpki,
    d."totalBranchMisses" / nullif(d."totalInstructions", 0) * 1000 as branch_mpki,
    d."counterRunning" as running, d."counterSource" as source,
    trim_scale(round(d."totalTimeOnCpu" / 1e6, 6)) as time_on_cpu_ms,
    trim_scale(round(d."totalTimeRunQueue" / 1e6, 6)) as time_run_queue_ms,
    trim_scale(round(d."totalTimeLock" / 1e6, 6)) as time_lock_ms,
    trim_scale(round(d."totalTimePark" / 1e6, 6)) as time_park_ms,
    trim_scale(round(d."totalTimeSocket" / 1e6, 6)) as time_socket_ms,
    trim_scale(round(d."totalTimeFile" / 1e6, 6)) as time_file_ms,
    trim_scale(round(d."totalTimeSql" / 1e6, 6)) as time_sql_ms,
    trim_scale(round(d."totalTimeCall" / 1e6, 6)) as time_call_ms,
    trim_scale(round(d."totalTimePool" / 1e6, 6)) as time_pool_ms,
    trim_scale(round(d."totalTimePause" / 1e6, 6)) as time_pause_ms,
    trim_scale(round(d."totalTimeHandoff" / 1e6, 6)) as time_handoff_ms,
    trim_scale(round(d."totalTimeUnknown" / 1e6, 6)) as time_unknown_ms,
    d."sqlStatements" as sql_statements,
    trim_scale(round(d."sqlDuration" / 1e6, 6)) as sql_duration_ms,
    d."httpCalls" as http_calls,
    trim_scale(round(d."httpCallDuration" / 1e6, 6)) as http_call_duration_ms,
    d."loggedErrors" as logged_errors, d.batched, d."unfollowedTasks" as unfollowed_tasks
from event e
left join jvm j using (jvm_id)
cross join lateral jsonb_to_record(e.data) as d (
    "method" text, route text, statement text, target text, pool text, "interval" bigint, count bigint, errors bigint, untimed bigint, async bigint,
    "totalDuration" bigint, "maxDuration" bigint, histogram text, measured bigint, "totalCpuTime" bigint, "totalRunQueueWait" bigint,
    "totalAllocated" bigint, "totalOwnCpuTime" bigint, "totalOwnRunQueueWait" bigint, "totalOwnAllocated" bigint, counted bigint,
    "counterSource" text, "counterRunning" float8, "totalContextSwitches" float8, "totalPageFaults" float8, "totalCycles" float8,
    "totalInstructions" float8, "totalCacheMisses" float8, "totalBranchMisses" float8, "totalOwnContextSwitches" float8, "totalOwnPageFaults" float8,
    "totalOwnCycles" float8, "totalOwnInstructions" float8, "totalOwnCacheMisses" float8, "totalOwnBranchMisses" float8, "totalTimeOnCpu" bigint,
    "totalTimeRunQueue" bigint, "totalTimeLock" bigint, "totalTimePark" bigint, "totalTimeSocket" bigint, "totalTimeFile" bigint,
    "totalTimeSql" bigint, "totalTimeCall" bigint, "totalTimePool" bigint, "totalTimePause" bigint, "totalTimeHandoff" bigint,
    "totalTimeUnknown" bigint, "sqlStatements" bigint, "sqlDuration" bigint, "httpCalls" bigint, "httpCallDuration" bigint, "loggedErrors" bigint,
    batched bigint, "unfollowedTasks" bigint
)
where e.type in ('pitot.EndpointSummary', 'pitot.StatementSummary', 'pitot.CallSummary', 'pitot.PoolSummary');

create or replace view endpoint_seconds as
select
    s.jvm_id, s.service, s.ts, s.method, s.route, s.interval_ms, s.count as requests, s.errors,
    trim_scale(round(s.duration_ms / nullif(s.timed, 0), 6)) as mean_ms,
    s.max_ms,
    trim_scale(round(s.cpu_ms / nullif(s.measured, 0), 6)) as cpu_ms_per_request,
    s.allocated_bytes / nullif(s.measured, 0) as bytes_per_request,
    s.cycles / nullif(s.counted, 0) as cycles_per_request,
    s.instructions / nullif(s.counted, 0) as instructions_per_request,
    s.async,
    trim_scale(round(s.run_queue_ms / nullif(s.measured, 0), 6)) as run_queue_ms_per_request,
    trim_scale(round(s.sql_statements::numeric / nullif(s.count, 0), 6)) as statements_per_request,
    trim_scale(round(s.http_calls::numeric / nullif(s.count, 0), 6)) as calls_per_request,
    s.untimed, s.duration_ms, s.timed, s.measured, s.counted, s.cpu_ms, s.own_cpu_ms, s.run_queue_ms, s.allocated_bytes, s.context_switches,
    s.page_faults, s.cycles, s.instructions, s.cache_misses, s.branch_misses, s.ipc, s.cache_mpki, s.branch_mpki, s.running, s.source,
    s.time_on_cpu_ms, s.time_run_queue_ms, s.time_lock_ms, s.time_park_ms, s.time_socket_ms, s.time_file_ms, s.time_sql_ms, s.time_call_ms,
    s.time_pool_ms, s.time_pause_ms, s.time_handoff_ms, s.time_unknown_ms, s.sql_statements, s.sql_duration_ms, s.http_calls,
    s.http_call_duration_ms, s.logged_errors, s.unfollowed_tasks
from span_seconds s
where s.type = 'pitot.EndpointSummary';
