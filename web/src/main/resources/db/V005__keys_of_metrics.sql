-- A disk, a core, a thread or a kind of threads has blocks of its own. The column costs no rewrite (a constant default); the new
-- key is built in each partition while all that use the table wait: two to three seconds per million blocks.

alter table metric_block add column if not exists key text not null default '';
alter table metric_block drop constraint metric_block_pkey;
alter table metric_block add primary key (jvm_id, type, key, ts);

comment on table metric_block is 'One minute of samples of one type and key: an array per field, and t in milliseconds after ts; plain rows: view samples';
comment on column metric_block.key is 'Which disk, core, kind of threads or the like; empty for types that measure one thing';

-- The new columns come last, so that views of the user's own which stand on this one go on to work. ts is computed, so that a
-- condition on it reaches no partition; one on block_start does.
create or replace view samples as
select b.jvm_id, b.type, b.ts + s.ms::float8 * interval '1 millisecond' as ts, f.field, s.value, b.key, b.ts as block_start
from metric_block b
cross join lateral jsonb_each(b.data - 't') as f (field, "values")
cross join lateral rows from (jsonb_array_elements_text(b.data -> 't'), jsonb_array_elements_text(f."values")) as s (ms, value);
