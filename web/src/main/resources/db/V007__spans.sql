-- Statements, calls and connection waits beside requests, and what each did with its time.
-- The text of a statement is kept once for each JVM: the events hold its hash. jvm_id leads the key, so that no collector waits for
-- one that stores another JVM, and no row lies on another shard than the events that it explains.

create table sql_text (
    jvm_id uuid not null,
    statement text not null,
    sql text not null,
    day date not null,
    primary key (jvm_id, statement)
);

comment on table sql_text is 'Texts of SQL statements by their hash, once for each JVM';
comment on column sql_text.day is 'The last day, by the collector''s clock, on which it was used';

-- All summaries. Sums are of the spans that each is known of: those whose end was seen (timed) for durations and parts, measured for CPU times,
-- run-queue waits and bytes, counted for counters. A condition on jvm_id, type and ts reaches the index. Agents before "untimed" saw the end
-- of no request that was left to another thread.
create view span_seconds as
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
    d."loggedErrors" as logged_errors, d.batched
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
    batched bigint
)
where e.type in ('pitot.EndpointSummary', 'pitot.StatementSummary', 'pitot.CallSummary', 'pitot.PoolSummary');

comment on view span_seconds is 'Every summary of requests, statements, calls and connection waits, a row per second and name, with sums';

-- The columns that were there come first and keep their types, so that views of the user's own which stand on them go on to work.
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
    s.http_call_duration_ms, s.logged_errors
from span_seconds s
where s.type = 'pitot.EndpointSummary';

create view statement_seconds as
select
    s.jvm_id, s.service, s.ts, s.statement, t.sql, s.interval_ms, s.count, s.errors, s.untimed,
    trim_scale(round(s.duration_ms / nullif(s.timed, 0), 6)) as mean_ms,
    s.max_ms, s.duration_ms, s.timed, s.measured, s.counted, s.cpu_ms, s.own_cpu_ms, s.run_queue_ms, s.allocated_bytes, s.context_switches,
    s.page_faults, s.cycles, s.instructions, s.cache_misses, s.branch_misses, s.ipc, s.cache_mpki, s.branch_mpki, s.running, s.source,
    s.time_on_cpu_ms, s.time_run_queue_ms, s.time_lock_ms, s.time_park_ms, s.time_socket_ms, s.time_file_ms, s.time_sql_ms, s.time_call_ms,
    s.time_pool_ms, s.time_pause_ms, s.time_handoff_ms, s.time_unknown_ms, s.batched
from span_seconds s
left join sql_text t on t.jvm_id = s.jvm_id and t.statement = s.statement
where s.type = 'pitot.StatementSummary';

comment on view statement_seconds is 'How each SQL statement ran in each second (pitot.StatementSummary), with its text';

create view call_seconds as
select
    s.jvm_id, s.service, s.ts, s.target, s.interval_ms, s.count, s.errors, s.untimed,
    trim_scale(round(s.duration_ms / nullif(s.timed, 0), 6)) as mean_ms,
    s.max_ms, s.duration_ms, s.timed, s.measured, s.counted, s.cpu_ms, s.own_cpu_ms, s.run_queue_ms, s.allocated_bytes, s.context_switches,
    s.page_faults, s.cycles, s.instructions, s.cache_misses, s.branch_misses, s.ipc, s.cache_mpki, s.branch_mpki, s.running, s.source,
    s.time_on_cpu_ms, s.time_run_queue_ms, s.time_lock_ms, s.time_park_ms, s.time_socket_ms, s.time_file_ms, s.time_sql_ms, s.time_call_ms,
    s.time_pool_ms, s.time_pause_ms, s.time_handoff_ms, s.time_unknown_ms
from span_seconds s
where s.type = 'pitot.CallSummary';

comment on view call_seconds is 'How each server answered in each second (pitot.CallSummary)';

create view pool_seconds as
select
    s.jvm_id, s.service, s.ts, s.pool, s.interval_ms, s.count, s.errors, s.untimed,
    trim_scale(round(s.duration_ms / nullif(s.timed, 0), 6)) as mean_ms,
    s.max_ms, s.duration_ms, s.timed, s.measured, s.counted, s.cpu_ms, s.own_cpu_ms, s.run_queue_ms, s.allocated_bytes, s.context_switches,
    s.page_faults, s.cycles, s.instructions, s.cache_misses, s.branch_misses, s.ipc, s.cache_mpki, s.branch_mpki, s.running, s.source,
    s.time_on_cpu_ms, s.time_run_queue_ms, s.time_lock_ms, s.time_park_ms, s.time_socket_ms, s.time_file_ms, s.time_sql_ms, s.time_call_ms,
    s.time_pool_ms, s.time_pause_ms, s.time_handoff_ms, s.time_unknown_ms
from span_seconds s
where s.type = 'pitot.PoolSummary';

comment on view pool_seconds is 'How long each connection pool let wait in each second (pitot.PoolSummary)';

create view spans as
select
    e.jvm_id, j.service, e.ts, e.type, d."method", d.route, d.statement, d.target, d.pool, d.status, d.failed, d.error,
    trim_scale(round(d.duration / 1e6, 6)) as duration_ms,
    trim_scale(round(d."cpuTime" / 1e6, 6)) as cpu_ms,
    trim_scale(round(d."ownCpuTime" / 1e6, 6)) as own_cpu_ms,
    trim_scale(round(d."runQueueWait" / 1e6, 6)) as run_queue_ms,
    d.allocated as allocated_bytes, d."contextSwitches" as context_switches, d."pageFaults" as page_faults, d.cycles, d.instructions,
    d."cacheMisses" as cache_misses, d."branchMisses" as branch_misses,
    d.instructions / nullif(d.cycles, 0) as ipc,
    d."cacheMisses" / nullif(d.instructions, 0) * 1000 as cache_mpki,
    d."branchMisses" / nullif(d.instructions, 0) * 1000 as branch_mpki,
    d."counterRunning" as running, d."counterSource" as source,
    trim_scale(round(d."timeOnCpu" / 1e6, 6)) as time_on_cpu_ms,
    trim_scale(round(d."timeRunQueue" / 1e6, 6)) as time_run_queue_ms,
    trim_scale(round(d."timeLock" / 1e6, 6)) as time_lock_ms,
    trim_scale(round(d."timePark" / 1e6, 6)) as time_park_ms,
    trim_scale(round(d."timeSocket" / 1e6, 6)) as time_socket_ms,
    trim_scale(round(d."timeFile" / 1e6, 6)) as time_file_ms,
    trim_scale(round(d."timeSql" / 1e6, 6)) as time_sql_ms,
    trim_scale(round(d."timeCall" / 1e6, 6)) as time_call_ms,
    trim_scale(round(d."timePool" / 1e6, 6)) as time_pool_ms,
    trim_scale(round(d."timePause" / 1e6, 6)) as time_pause_ms,
    trim_scale(round(d."timeHandoff" / 1e6, 6)) as time_handoff_ms,
    trim_scale(round(d."timeUnknown" / 1e6, 6)) as time_unknown_ms,
    d.async, d."otherThreads" as other_threads, d."batchSize" as batch_size, d."sqlStatements" as sql_statements,
    trim_scale(round(d."sqlDuration" / 1e6, 6)) as sql_duration_ms,
    d."httpCalls" as http_calls,
    trim_scale(round(d."httpCallDuration" / 1e6, 6)) as http_call_duration_ms,
    d."loggedErrors" as logged_errors, d."spanId" as span_id, d."parentSpanId" as parent_span_id, d."traceId" as trace_id, d.thread
from event e
left join jvm j using (jvm_id)
cross join lateral jsonb_to_record(e.data) as d (
    "method" text, route text, statement text, target text, pool text, status int, failed boolean, error text, duration bigint, "cpuTime" bigint,
    "runQueueWait" bigint, allocated bigint, "ownCpuTime" bigint, "counterSource" text, "counterRunning" float8, "contextSwitches" float8,
    "pageFaults" float8, cycles float8, instructions float8, "cacheMisses" float8, "branchMisses" float8, "timeOnCpu" bigint, "timeRunQueue" bigint,
    "timeLock" bigint, "timePark" bigint, "timeSocket" bigint, "timeFile" bigint, "timeSql" bigint, "timeCall" bigint, "timePool" bigint,
    "timePause" bigint, "timeHandoff" bigint, "timeUnknown" bigint, async boolean, "otherThreads" bigint, "batchSize" bigint, "sqlStatements" bigint,
    "sqlDuration" bigint, "httpCalls" bigint, "httpCallDuration" bigint, "loggedErrors" bigint, "spanId" text, "parentSpanId" text, "traceId" text,
    thread text
)
where e.type in ('pitot.HttpRequest', 'pitot.SqlStatement', 'pitot.HttpCall', 'pitot.ConnectionWait');

comment on view spans is 'Every single request, statement, call and connection wait: slow, failed, and others up to a rate limit';

create or replace view requests as
select
    s.jvm_id, s.service, s.ts, s.method, s.route, s.status, s.failed, s.duration_ms, s.cpu_ms, s.allocated_bytes, s.cycles, s.instructions, s.thread,
    s.own_cpu_ms, s.run_queue_ms, s.context_switches, s.page_faults, s.cache_misses, s.branch_misses, s.ipc, s.cache_mpki, s.branch_mpki, s.running,
    s.source, s.time_on_cpu_ms, s.time_run_queue_ms, s.time_lock_ms, s.time_park_ms, s.time_socket_ms, s.time_file_ms, s.time_sql_ms, s.time_call_ms,
    s.time_pool_ms, s.time_pause_ms, s.time_handoff_ms, s.time_unknown_ms, s.other_threads, s.error, s.span_id, s.parent_span_id, s.trace_id,
    s.async, s.sql_statements, s.sql_duration_ms, s.http_calls, s.http_call_duration_ms, s.logged_errors
from spans s
where s.type = 'pitot.HttpRequest';

create view statements as
select
    s.jvm_id, s.service, s.ts, s.statement, t.sql, s.batch_size, s.failed, s.duration_ms, s.cpu_ms, s.allocated_bytes, s.cycles, s.instructions,
    s.thread, s.own_cpu_ms, s.run_queue_ms, s.context_switches, s.page_faults, s.cache_misses, s.branch_misses, s.ipc, s.cache_mpki, s.branch_mpki,
    s.running, s.source, s.time_on_cpu_ms, s.time_run_queue_ms, s.time_lock_ms, s.time_park_ms, s.time_socket_ms, s.time_file_ms, s.time_sql_ms,
    s.time_call_ms, s.time_pool_ms, s.time_pause_ms, s.time_handoff_ms, s.time_unknown_ms, s.other_threads, s.error, s.span_id, s.parent_span_id,
    s.trace_id
from spans s
left join sql_text t on t.jvm_id = s.jvm_id and t.statement = s.statement
where s.type = 'pitot.SqlStatement';

comment on view statements is 'Single SQL statements and batches: slow, failed, and others up to a rate limit (pitot.SqlStatement)';

create view calls as
select
    s.jvm_id, s.service, s.ts, s.method, s.target, s.route, s.status, s.async, s.failed, s.duration_ms, s.cpu_ms, s.allocated_bytes, s.cycles,
    s.instructions, s.thread, s.own_cpu_ms, s.run_queue_ms, s.context_switches, s.page_faults, s.cache_misses, s.branch_misses, s.ipc, s.cache_mpki,
    s.branch_mpki, s.running, s.source, s.time_on_cpu_ms, s.time_run_queue_ms, s.time_lock_ms, s.time_park_ms, s.time_socket_ms, s.time_file_ms,
    s.time_sql_ms, s.time_call_ms, s.time_pool_ms, s.time_pause_ms, s.time_handoff_ms, s.time_unknown_ms, s.other_threads, s.error, s.span_id,
    s.parent_span_id, s.trace_id
from spans s
where s.type = 'pitot.HttpCall';

comment on view calls is 'Single HTTP calls made: slow, failed, and others up to a rate limit (pitot.HttpCall)';

create view connection_waits as
select
    s.jvm_id, s.service, s.ts, s.pool, s.failed, s.duration_ms, s.cpu_ms, s.allocated_bytes, s.cycles, s.instructions, s.thread, s.own_cpu_ms,
    s.run_queue_ms, s.context_switches, s.page_faults, s.cache_misses, s.branch_misses, s.ipc, s.cache_mpki, s.branch_mpki, s.running, s.source,
    s.time_on_cpu_ms, s.time_run_queue_ms, s.time_lock_ms, s.time_park_ms, s.time_socket_ms, s.time_file_ms, s.time_sql_ms, s.time_call_ms,
    s.time_pool_ms, s.time_pause_ms, s.time_handoff_ms, s.time_unknown_ms, s.other_threads, s.error, s.span_id, s.parent_span_id, s.trace_id
from spans s
where s.type = 'pitot.ConnectionWait';

comment on view connection_waits is 'Single waits for a connection: slow, failed, and others up to a rate limit (pitot.ConnectionWait)';

create view logged_errors as
select
    e.jvm_id, j.service, e.ts,
    e.data ->> 'logger' as logger,
    nullif(e.data ->> 'error', '') as error,
    (e.data ->> 'count')::bigint as count
from event e
left join jvm j using (jvm_id)
where e.type = 'pitot.LoggedErrors';

comment on view logged_errors is 'Log events at level ERROR of each logger in each second (pitot.LoggedErrors)';
