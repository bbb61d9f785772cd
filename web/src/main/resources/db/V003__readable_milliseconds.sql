-- Milliseconds as 211.670139 instead of 211.6701390000000000: six digits are nanoseconds, and zeros at the end say nothing. The
-- columns stay numeric, so that views of the user's own which stand on these go on to work. The mean leaves out requests that were
-- left to another thread, as their duration is in no sum.

create or replace view endpoint_seconds as
select
    e.jvm_id,
    j.service,
    e.ts,
    e.data ->> 'method' as method,
    e.data ->> 'route' as route,
    trim_scale(round((e.data ->> 'interval')::bigint / 1e6, 6)) as interval_ms,
    (e.data ->> 'count')::bigint as requests,
    (e.data ->> 'errors')::bigint as errors,
    trim_scale(round((e.data ->> 'totalDuration')::bigint / 1e6 / nullif((e.data ->> 'count')::bigint - coalesce((e.data ->> 'async')::bigint, 0), 0), 6)) as mean_ms,
    trim_scale(round((e.data ->> 'maxDuration')::bigint / 1e6, 6)) as max_ms,
    trim_scale(round((e.data ->> 'totalCpuTime')::bigint / 1e6 / nullif((e.data ->> 'measured')::bigint, 0), 6)) as cpu_ms_per_request,
    (e.data ->> 'totalAllocated')::bigint / nullif((e.data ->> 'measured')::bigint, 0) as bytes_per_request,
    (e.data ->> 'totalCycles')::float8 / nullif((e.data ->> 'counted')::bigint, 0) as cycles_per_request,
    (e.data ->> 'totalInstructions')::float8 / nullif((e.data ->> 'counted')::bigint, 0) as instructions_per_request,
    coalesce((e.data ->> 'async')::bigint, 0) as async
from event e
left join jvm j using (jvm_id)
where e.type = 'pitot.EndpointSummary';

create or replace view requests as
select
    e.jvm_id,
    j.service,
    e.ts,
    e.data ->> 'method' as method,
    e.data ->> 'route' as route,
    (e.data ->> 'status')::int as status,
    (e.data ->> 'failed')::boolean as failed,
    trim_scale(round((e.data ->> 'duration')::bigint / 1e6, 6)) as duration_ms,
    trim_scale(round((e.data ->> 'cpuTime')::bigint / 1e6, 6)) as cpu_ms,
    (e.data ->> 'allocated')::bigint as allocated_bytes,
    (e.data ->> 'cycles')::float8 as cycles,
    (e.data ->> 'instructions')::float8 as instructions,
    e.data ->> 'thread' as thread
from event e
left join jvm j using (jvm_id)
where e.type = 'pitot.HttpRequest';
