//! Decoding and encoding, side by side.
//!
//! `cargo bench --bench codec`

use std::hint::black_box;
use std::time::Duration;

use bytes::BytesMut;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hubnerite_codec_benchmarks::codecs::{ALL, Output};
use hubnerite_codec_benchmarks::packets;

/// As many as a busy device sends in one read.
const PACKETS_A_READ: u64 = 64;

fn decode(criterion: &mut Criterion) {
    for (name, packet) in packets::all() {
        let mut group = criterion.benchmark_group(format!("decode 64 {name}"));
        group.throughput(Throughput::Elements(PACKETS_A_READ));
        let stream = packets::bytes(&packet).repeat(64);
        for codec in ALL {
            group.bench_function(BenchmarkId::from_parameter(codec.name()), |bencher| {
                bencher.iter_batched_ref(
                    || BytesMut::from(stream.as_slice()),
                    |stream| codec.read_all(stream),
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

fn encode(criterion: &mut Criterion) {
    for (name, packet) in packets::all() {
        let mut group = criterion.benchmark_group(format!("encode {name}"));
        let bytes = packets::bytes(&packet);
        for codec in ALL {
            let packet = codec.hold(&packet, &bytes);
            let mut output = Output::default();
            group.bench_function(BenchmarkId::from_parameter(codec.name()), |bencher| {
                bencher.iter(|| {
                    output.clear();
                    output.write(black_box(&packet));
                });
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = decode, encode
}
criterion_main!(benches);
