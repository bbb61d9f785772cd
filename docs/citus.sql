-- Distributes the tables of a migrated database by JVM; see citus.md. Run it once, as the owner of the tables, with no collector running:
--   psql -v ON_ERROR_STOP=1 --single-transaction -f citus.sql postgresql://…
-- Then start the collectors again.

set citus.multi_shard_modify_mode = 'sequential';

select create_distributed_table('jvm', 'jvm_id');
select create_distributed_table('chunk', 'jvm_id', colocate_with => 'jvm');
select create_distributed_table('segment', 'jvm_id', colocate_with => 'jvm');
select create_distributed_table('event', 'jvm_id', colocate_with => 'jvm');
select create_distributed_table('sql_text', 'jvm_id', colocate_with => 'jvm');
select create_distributed_table('metric_block', 'jvm_id', colocate_with => 'jvm');
select create_distributed_table('metric_1m', 'jvm_id', colocate_with => 'jvm');
select create_distributed_table('metric_15m', 'jvm_id', colocate_with => 'jvm');
select create_distributed_table('metric_1h', 'jvm_id', colocate_with => 'jvm');
select create_distributed_table('rollup_due', 'jvm_id', colocate_with => 'jvm');
select create_distributed_table('pin', 'jvm_id', colocate_with => 'jvm');

select create_reference_table('collector');
select create_reference_table('setting');
select create_reference_table('audit');

-- Pure functions of values, which the workers call; samples_between reads tables and stays on the coordinator.
select create_distributed_function('pitot_bucket(float8)');
select create_distributed_function('pitot_bucket_middle(int)');
select create_distributed_function('pitot_buckets(text)');
select create_distributed_function('pitot_digits(numeric)');
select create_distributed_function('pitot_number(jsonb)');
select create_distributed_function('pitot_hist_of(jsonb, jsonb, text)');
select create_distributed_function('pitot_hist_sum(text[])');
select create_distributed_function('pitot_hist(text)');
select create_distributed_function('pitot_percentile(text, float8)');
select create_distributed_function('pitot_percentile(text, float8, float8, float8)');
