-- Plain rows for people. A condition on jvm_id and ts reaches the indexes beneath.

create view samples as
select b.jvm_id, b.type, b.ts + s.ms::float8 * interval '1 millisecond' as ts, f.field, s.value
from metric_block b
cross join lateral jsonb_each(b.data - 't') as f (field, "values")
cross join lateral rows from (jsonb_array_elements_text(b.data -> 't'), jsonb_array_elements_text(f."values")) as s (ms, value);

comment on view samples is 'Every metric sample: one row per time and field; value is text, null where it could not be had';

create view endpoint_seconds as
select
    e.jvm_id,
    j.service,
    e.ts,
    e.data ->> 'method' as method,
    e.data ->> 'route' as route,
    (e.data ->> 'interval')::bigint / 1e6 as interval_ms,
    (e.data ->> 'count')::bigint as requests,
    (e.data ->> 'errors')::bigint as errors,
    (e.data ->> 'totalDuration')::bigint / 1e6 / nullif((e.data ->> 'count')::bigint, 0) as mean_ms,
    (e.data ->> 'maxDuration')::bigint / 1e6 as max_ms,
    (e.data ->> 'totalCpuTime')::bigint / 1e6 / nullif((e.data ->> 'measured')::bigint, 0) as cpu_ms_per_request,
    (e.data ->> 'totalAllocated')::bigint / nullif((e.data ->> 'measured')::bigint, 0) as bytes_per_request,
    (e.data ->> 'totalCycles')::float8 / nullif((e.data ->> 'counted')::bigint, 0) as cycles_per_request,
    (e.data ->> 'totalInstructions')::float8 / nullif((e.data ->> 'counted')::bigint, 0) as instructions_per_request
from event e
left join jvm j using (jvm_id)
where e.type = 'pitot.EndpointSummary';

comment on view endpoint_seconds is 'What each endpoint served in each second (pitot.EndpointSummary)';

create view requests as
select
    e.jvm_id,
    j.service,
    e.ts,
    e.data ->> 'method' as method,
    e.data ->> 'route' as route,
    (e.data ->> 'status')::int as status,
    (e.data ->> 'failed')::boolean as failed,
    (e.data ->> 'duration')::bigint / 1e6 as duration_ms,
    (e.data ->> 'cpuTime')::bigint / 1e6 as cpu_ms,
    (e.data ->> 'allocated')::bigint as allocated_bytes,
    (e.data ->> 'cycles')::float8 as cycles,
    (e.data ->> 'instructions')::float8 as instructions,
    e.data ->> 'thread' as thread
from event e
left join jvm j using (jvm_id)
where e.type = 'pitot.HttpRequest';

comment on view requests is 'Single HTTP requests: slow, failed, and others up to a rate limit (pitot.HttpRequest)';
