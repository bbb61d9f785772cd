-- Tables of docs/spec/data-model.md. jvm_id leads every key; no sequences, no foreign keys.

create table jvm (
    jvm_id        uuid        not null primary key,
    service       text        not null,
    host          text        not null,
    pid           bigint      not null,
    started_at    timestamptz not null,
    agent_version text        not null,
    java_version  text        not null,
    jvm_name      text        not null,
    labels        jsonb       not null,
    info          jsonb,
    first_seen    timestamptz not null,
    last_seen     timestamptz not null,
    ended         boolean     not null,
    clock_skew_ns bigint      not null
) with (fillfactor = 50);

comment on table jvm is 'One row per JVM that an agent has announced';
comment on column jvm.info is 'Fields of the newest pitot.JvmInformation';
comment on column jvm.clock_skew_ns is 'Clock of the JVM minus clock of the collector at the last request';

create table chunk (
    jvm_id         uuid        not null,
    chunk_start    bigint      not null,
    chunk_ticks    bigint      not null,
    day            date        not null,
    durable_offset bigint      not null default 0,
    boundary       bigint      not null default 0,
    parsed_offset  bigint      not null default 0,
    block_offset   bigint      not null default 0,
    size           bigint      not null default -1,
    state          text        not null check (state in ('open', 'complete', 'truncated', 'missing', 'expired')),
    header         bytea,
    parsed_out     boolean     not null default false,
    parse_error    text,
    first_seen     timestamptz not null,
    last_seen      timestamptz not null,
    primary key (jvm_id, chunk_start)
) with (fillfactor = 50);

comment on table chunk is 'One row per chunk of a recording: how far it is stored, parsed and summed up, in bytes';
comment on column chunk.chunk_start is 'Start by the header of the chunk, nanoseconds since the epoch';
comment on column chunk.day is 'Day (UTC, collector) of its first byte: the partition of its segments';
comment on column chunk.boundary is 'Last flush boundary whose bytes are stored; header is the header at that boundary';
comment on column chunk.size is 'Whole size, -1 while unknown';
comment on column chunk.parsed_out is 'Nothing is left to parse: it ended, or parse_error says why not';

create table segment (
    jvm_id       uuid   not null,
    chunk_start  bigint not null,
    chunk_offset bigint not null,
    day          date   not null,
    length       int    not null,
    header       bytea  not null,
    bytes        bytea  not null,
    primary key (jvm_id, chunk_start, chunk_offset, day)
) partition by range (day);

alter table segment alter column bytes set storage external;

comment on table segment is 'The bytes of the recordings as they came: the log from which all else can be rebuilt';
comment on column segment.length is 'Bytes before compression';
comment on column segment.bytes is 'One zlib stream';

create table metric_block (
    jvm_id uuid        not null,
    type   text        not null,
    ts     timestamptz not null,
    n      int         not null,
    data   jsonb       not null,
    primary key (jvm_id, type, ts)
) partition by range (ts);

comment on table metric_block is 'One minute of samples of one type: an array per field, and t in milliseconds after ts; plain rows: view samples';

create table event (
    jvm_id       uuid        not null,
    type         text        not null,
    ts           timestamptz not null,
    chunk_start  bigint      not null,
    chunk_offset bigint      not null,
    data         jsonb       not null,
    unique (jvm_id, ts, chunk_start, chunk_offset)
) partition by range (ts);

create index event_by_type on event (jvm_id, type, ts);

comment on table event is 'One row per stored JFR event; the fields of some types as columns: views endpoint_seconds and requests';
