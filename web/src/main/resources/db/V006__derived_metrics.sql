-- The metrics of docs/spec/metrics.md. A condition on jvm_id, block_start (minute), scope or key reaches the table beneath; ts is computed.
-- jsonb_to_record takes a block apart at once: each "->" would decompress it anew.

create view counters as
select
    b.jvm_id,
    j.service,
    b.ts as block_start,
    b.ts + s.ms * interval '1 millisecond' as ts,
    case b.type when 'pitot.ProcessCounters' then 'process' when 'pitot.ThreadKindCounters' then 'kind' when 'pitot.TopThread' then 'thread' else 'cpu' end as scope,
    b.key,
    s.elapsed as "interval",
    s.cpu as cpu_time,
    s.wait as run_queue_wait,
    s.cpu / s.elapsed as cpu_cores,
    s.wait / nullif(s.wait + s.cpu, 0) as run_queue_wait_share,
    s.switches / s.elapsed * 1e9 as context_switches_per_second,
    s.migrations / s.elapsed * 1e9 as migrations_per_second,
    s.faults / s.elapsed * 1e9 as page_faults_per_second,
    s.cycles / nullif(s.counted, 0) as ghz,
    s.instructions / nullif(s.cycles, 0) as ipc,
    s.misses / nullif(s.instructions, 0) * 1000 as cache_mpki,
    s.misses / nullif(s.refs, 0) as cache_miss_rate,
    s.mispredicted / nullif(s.instructions, 0) * 1000 as branch_mpki,
    s.mispredicted / nullif(s.branches, 0) as branch_miss_rate,
    s.cycles,
    s.counted as cycles_time,
    s.instructions,
    s.running,
    s.source
from metric_block b
left join jvm j using (jvm_id)
cross join lateral (
    select
        r.*,
        case when r.cycles is null then null when r.source = 'perf' then r.cpu when r.source like 'perf, user only%' then r.usr end as counted
    from (
        select
            u.ms,
            nullif(u.elapsed, 0) as elapsed,
            -- Of a JVM that knows no more, user time is all CPU time.
            coalesce(u.cpu, u.usr + case when u.software = 'java' then coalesce(u.sys, 0) else u.sys end) as cpu,
            u.usr,
            u.wait,
            u.voluntary + u.involuntary as switches,
            u.migrations,
            u.minor + u.major as faults,
            u.cycles,
            u.instructions,
            u.refs,
            u.misses,
            u.branches,
            u.mispredicted,
            u.running,
            u.source
        from jsonb_to_record(b.data) as d (
            "t" float8[],
            "interval" float8[],
            "cpuTime" float8[],
            "userTime" float8[],
            "systemTime" float8[],
            "softwareSource" text[],
            "runQueueWait" float8[],
            "voluntaryContextSwitches" float8[],
            "involuntaryContextSwitches" float8[],
            "cpuMigrations" float8[],
            "minorFaults" float8[],
            "majorFaults" float8[],
            "cycles" float8[],
            "instructions" float8[],
            "cacheReferences" float8[],
            "cacheMisses" float8[],
            "branches" float8[],
            "branchMisses" float8[],
            "hardwareRunning" float8[],
            "hardwareSource" text[]
        )
        cross join lateral unnest(
            d."t", d."interval", d."cpuTime", d."userTime", d."systemTime", d."softwareSource", d."runQueueWait",
            d."voluntaryContextSwitches", d."involuntaryContextSwitches", d."cpuMigrations", d."minorFaults", d."majorFaults",
            d."cycles", d."instructions", d."cacheReferences", d."cacheMisses", d."branches", d."branchMisses",
            d."hardwareRunning", d."hardwareSource"
        ) as u (ms, elapsed, cpu, usr, sys, software, wait, voluntary, involuntary, migrations, minor, major,
            cycles, instructions, refs, misses, branches, mispredicted, running, source)
    ) r
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
    s.value / nullif(s.elapsed, 0) * 1e9 as per_second,
    s.value / nullif(s.instructions, 0) * 1000 as per_kilo_instruction,
    s.value / nullif(s.cycles, 0) as per_cycle,
    s.running,
    s.source
from metric_block b
left join jvm j using (jvm_id)
cross join lateral jsonb_to_record(b.data) as d (
    "t" float8[],
    "interval" float8[],
    "value" float8[],
    "unit" text[],
    "groupCycles" float8[],
    "groupInstructions" float8[],
    "running" float8[],
    "source" text[]
)
cross join lateral unnest(
    d."t", d."interval", d."value", d."unit", d."groupCycles", d."groupInstructions", d."running", d."source"
) as s (ms, elapsed, value, unit, cycles, instructions, running, source)
where b.type = 'pitot.Counter';

comment on view named_counters is 'Counters that were asked for by name (pitot.Counter), a row per sample, with their ratios to the cycles and instructions of their group';

create view top_down as
select m.jvm_id, m.service, m.minute, m.scope, m.pmu, m.modifier, f.method, f.retiring, f.bad_speculation, f.frontend_bound, f.backend_bound
from (
    select
        jvm_id,
        service,
        block_start as minute,
        scope,
        pmu,
        modifier,
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
        -- topdown-retiring:u, or cpu_core/topdown-retiring/u of one kind of cores: never added to what counts others, or these again.
        select
            jvm_id,
            service,
            block_start,
            scope,
            value,
            case when name like '%/%' then split_part(name, '/', 1) else '' end as pmu,
            case when name like '%/%' then split_part(split_part(name, '/', 2), ',', 1) else split_part(name, ':', 1) end as event,
            case when name like '%/%' then ltrim(split_part(name, '/', 3), ':') else split_part(name, ':', 2) end as modifier
        from named_counters
    ) named
    group by jvm_id, service, block_start, scope, pmu, modifier
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
