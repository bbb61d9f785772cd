-- The metrics of docs/spec/metrics.md. A condition on jvm_id, block_start (minute), scope or key reaches the table beneath; ts is computed.

create view counters as
select
    b.jvm_id,
    j.service,
    b.ts as block_start,
    b.ts + s.ms * interval '1 millisecond' as ts,
    case b.type when 'pitot.ProcessCounters' then 'process' when 'pitot.ThreadKindCounters' then 'kind' when 'pitot.TopThread' then 'thread' else 'cpu' end as scope,
    b.key,
    s.cpu / s.elapsed as cpu_cores,
    s.wait / nullif(s.wait + s.cpu, 0) as run_queue_wait_share,
    s.switches / s.elapsed * 1e9 as context_switches_per_second,
    s.migrations / s.elapsed * 1e9 as migrations_per_second,
    s.faults / s.elapsed * 1e9 as page_faults_per_second,
    s.cycles / nullif(case when s.source = 'perf' then s.cpu when s.source like 'perf, user only%' then s.usr end, 0) as ghz,
    s.instructions / nullif(s.cycles, 0) as ipc,
    s.misses / nullif(s.instructions, 0) * 1000 as cache_mpki,
    s.misses / nullif(s.refs, 0) as cache_miss_rate,
    s.mispredicted / nullif(s.instructions, 0) * 1000 as branch_mpki,
    s.mispredicted / nullif(s.branches, 0) as branch_miss_rate,
    s.cycles,
    s.instructions,
    s.running,
    s.source
from metric_block b
left join jvm j using (jvm_id)
cross join lateral (
    select
        r.ms::float8 as ms,
        nullif(r.elapsed::float8, 0) as elapsed,
        coalesce(r.cpu::float8, r.usr::float8 + coalesce(r.sys::float8, 0)) as cpu,
        r.usr::float8 as usr,
        r.wait::float8 as wait,
        r.voluntary::float8 + r.involuntary::float8 as switches,
        r.migrations::float8 as migrations,
        r.minor::float8 + r.major::float8 as faults,
        r.cycles::float8 as cycles,
        r.instructions::float8 as instructions,
        r.refs::float8 as refs,
        r.misses::float8 as misses,
        r.branches::float8 as branches,
        r.mispredicted::float8 as mispredicted,
        r.running::float8 as running,
        r.source
    from rows from (
        jsonb_array_elements_text(b.data -> 't'),
        jsonb_array_elements_text(b.data -> 'interval'),
        jsonb_array_elements_text(b.data -> 'cpuTime'),
        jsonb_array_elements_text(b.data -> 'userTime'),
        jsonb_array_elements_text(b.data -> 'systemTime'),
        jsonb_array_elements_text(b.data -> 'runQueueWait'),
        jsonb_array_elements_text(b.data -> 'voluntaryContextSwitches'),
        jsonb_array_elements_text(b.data -> 'involuntaryContextSwitches'),
        jsonb_array_elements_text(b.data -> 'cpuMigrations'),
        jsonb_array_elements_text(b.data -> 'minorFaults'),
        jsonb_array_elements_text(b.data -> 'majorFaults'),
        jsonb_array_elements_text(b.data -> 'cycles'),
        jsonb_array_elements_text(b.data -> 'instructions'),
        jsonb_array_elements_text(b.data -> 'cacheReferences'),
        jsonb_array_elements_text(b.data -> 'cacheMisses'),
        jsonb_array_elements_text(b.data -> 'branches'),
        jsonb_array_elements_text(b.data -> 'branchMisses'),
        jsonb_array_elements_text(b.data -> 'hardwareRunning'),
        jsonb_array_elements_text(b.data -> 'hardwareSource')
    ) as r (ms, elapsed, cpu, usr, sys, wait, voluntary, involuntary, migrations, minor, major, cycles, instructions, refs, misses, branches, mispredicted, running, source)
) s
where b.type in ('pitot.ProcessCounters', 'pitot.ThreadKindCounters', 'pitot.TopThread', 'pitot.HostCounters');

comment on view counters is 'Metrics of the process, each kind of threads, the top threads and each CPU, a row per sample; null where it could not be had';

create view named_counters as
select
    b.jvm_id,
    j.service,
    b.ts as block_start,
    b.ts + s.ms * interval '1 millisecond' as ts,
    split_part(b.key, ' ', 1) as scope,
    substr(b.key, strpos(b.key, ' ') + 1) as name,
    s.value,
    s.unit,
    s.value / s.elapsed * 1e9 as per_second,
    s.value / nullif(s.instructions, 0) * 1000 as per_kilo_instruction,
    s.value / nullif(s.cycles, 0) as per_cycle,
    s.running,
    s.source
from metric_block b
left join jvm j using (jvm_id)
cross join lateral (
    select
        r.ms::float8 as ms,
        nullif(r.elapsed::float8, 0) as elapsed,
        r.value::float8 as value,
        r.unit,
        r.cycles::float8 as cycles,
        r.instructions::float8 as instructions,
        r.running::float8 as running,
        r.source
    from rows from (
        jsonb_array_elements_text(b.data -> 't'),
        jsonb_array_elements_text(b.data -> 'interval'),
        jsonb_array_elements_text(b.data -> 'value'),
        jsonb_array_elements_text(b.data -> 'unit'),
        jsonb_array_elements_text(b.data -> 'groupCycles'),
        jsonb_array_elements_text(b.data -> 'groupInstructions'),
        jsonb_array_elements_text(b.data -> 'running'),
        jsonb_array_elements_text(b.data -> 'source')
    ) as r (ms, elapsed, value, unit, cycles, instructions, running, source)
) s
where b.type = 'pitot.Counter';

comment on view named_counters is 'Counters that were asked for by name (pitot.Counter), a row per sample, with their ratios to the cycles and instructions of their group';

create view top_down as
select m.jvm_id, m.service, m.minute, m.scope, f.method, f.retiring, f.bad_speculation, f.frontend_bound, f.backend_bound
from (
    select
        jvm_id,
        service,
        block_start as minute,
        scope,
        sum(value) filter (where event = 'topdown-retiring') as retiring,
        sum(value) filter (where event = 'topdown-bad-spec') as bad_spec,
        sum(value) filter (where event = 'topdown-fe-bound') as fe_bound,
        sum(value) filter (where event = 'topdown-be-bound') as be_bound,
        sum(value) filter (where event = 'topdown-total-slots') as total_slots,
        sum(value) filter (where event = 'topdown-slots-issued') as slots_issued,
        sum(value) filter (where event = 'topdown-slots-retired') as slots_retired,
        sum(value) filter (where event = 'topdown-fetch-bubbles') as fetch_bubbles,
        sum(value) filter (where event = 'topdown-recovery-bubbles') as recovery_bubbles,
        sum(value) filter (where event = 'stall_slot') as stall_slot,
        sum(value) filter (where event = 'stall_slot_frontend') as stall_slot_frontend,
        sum(value) filter (where event = 'stall_slot_backend') as stall_slot_backend,
        sum(value) filter (where event = 'op_spec') as op_spec,
        sum(value) filter (where event = 'op_retired') as op_retired
    from (
        -- cpu_core/topdown-retiring/ is topdown-retiring of one kind of cores.
        select jvm_id, service, block_start, scope, value, regexp_replace(name, '^[^/]+/([^/,]+).*$', '\1') as event
        from named_counters
    ) named
    group by jvm_id, service, block_start, scope
) m
cross join lateral (
    select
        'metrics' as method,
        retiring / total as retiring,
        bad_spec / total as bad_speculation,
        fe_bound / total as frontend_bound,
        be_bound / total as backend_bound
    from (select m.retiring + m.bad_spec + m.fe_bound + m.be_bound as total) t
    where total > 0
    union all
    select
        'slots',
        slots_retired / total_slots,
        (slots_issued - slots_retired + recovery_bubbles) / total_slots,
        fetch_bubbles / total_slots,
        1 - (slots_issued + recovery_bubbles + fetch_bubbles) / total_slots
    where total_slots > 0 and slots_issued + slots_retired + fetch_bubbles + recovery_bubbles is not null
    union all
    select
        'stall slots',
        op_retired / total,
        (op_spec - op_retired) / total,
        stall_slot_frontend / total,
        stall_slot_backend / total
    from (select m.op_spec + m.stall_slot as total) t
    where total > 0 and op_retired + stall_slot_frontend + stall_slot_backend is not null
) f;

comment on view top_down is 'Top-down level 1 of a minute: shares of the issue slots, where its counters were asked for by name';
